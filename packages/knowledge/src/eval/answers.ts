import { readFileSync } from 'node:fs';
import type { Rpc } from '@cogo/client/rpc.ts';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { ask } from '../answer/ask.ts';
import type { Span } from '../answer/span.ts';
import { verifyClaim } from '../answer/verify.ts';
import { indexRepository } from '../indexer.ts';
import { readDocuments } from '../read_documents.ts';
import { walkRepository } from '../walk/walk_repository.ts';
import { type Estimate, estimate, mulberry32 } from './bootstrap.ts';
import { INJECTIONS, type Injected, type Injection, injectErrors, statementsOf } from './inject.ts';

export interface AnswersOptions {
  rpc: Rpc;
  /** An empty project. */
  projectId: string;
  /** Folder of a repository. */
  repo: string;
  /** Text of a jsonl file with `{q, files[]}` a line: questions and the files that tell; none for what must be refused. */
  questions?: string;
  /** At most so many true sentences, spread over the repository. Default 400. */
  limit?: number;
  database: 'pglite' | 'postgres';
  onProgress?: (note: string) => void;
  signal?: AbortSignal;
}

export interface AnswersReport {
  name: 'answers';
  /** True sentences, and sentences made untrue. */
  truths: number;
  lies: number;
  database: 'pglite' | 'postgres';
  metrics: {
    /** Share of untrue sentences the verifier drops. */
    caught: Estimate;
    /** Share of the dropped sentences that are untrue. */
    precision: Estimate;
    /** Share of answers about a symbol of the repository in which every sentence cites a span of that answer, verbatim. */
    cited: Estimate;
    /** Share of questions about other things, and of those given without files, that are refused. */
    refused: Estimate;
    /** Of the questions given: share whose answer quotes one of their files first, and at all. */
    source_first?: Estimate;
    source_cited?: Estimate;
  };
  /** The questions given whose answer does not quote one of their files first, with the files it quotes. */
  elsewhere?: Array<{ q: string; cited: string[] }>;
  by_kind: Record<Injection, { n: number; caught: number }>;
  /** Up to ten of each, to look at. */
  missed: Array<{ kind: Injection; path: string; lie: string }>;
  false_alarms: Array<{ path: string; truth: string; faults: string }>;
}

/** About nothing a code repository is about. In a file that is not indexed, or each question would find itself. */
const OFF_TOPIC = JSON.parse(
  readFileSync(new URL('../../fixtures/off_topic.json', import.meta.url), 'utf8'),
) as string[];

const SYMBOL_QUESTIONS = 40;

/**
 * Measures the verifier on true sentences of a repository's comments and documents and on the same with one error put
 * in (a number, an identifier, a denial), and the answerer on questions about its symbols and about other things.
 */
export async function evalAnswers(options: AnswersOptions): Promise<Result<AnswersReport>> {
  const { rpc, projectId, signal, onProgress } = options;
  const spans = await spansOf(options.repo, signal);
  const random = mulberry32(7);
  const names = [
    ...new Set(spans.flatMap((span) => (span.symbol && /^\w{5,30}$/.test(span.symbol) ? [span.symbol] : []))),
  ];
  const stated = spans.flatMap((span) => statementsOf(span).map((truth) => ({ span, truth })));
  if (stated.length === 0) return failure('bad_request', `${options.repo} has no sentence to test with.`);
  const step = Math.max(1, Math.floor(stated.length / (options.limit ?? 400)));
  const truths = stated.filter((_, at) => at % step === 0).slice(0, options.limit ?? 400);
  const lies = truths.flatMap(({ span, truth }) => injectErrors(span, truth, names, random));

  const alarms = truths.map(({ span, truth }) => ({ span, truth, faults: check(span, truth) }));
  const verdicts = lies.map((lie) => ({ lie, isCaught: check(lie.span, lie.lie) !== '' }));
  const dropped = [
    ...verdicts.filter((one) => one.isCaught).map(() => 1),
    ...alarms.filter((one) => one.faults !== '').map(() => 0),
  ];
  onProgress?.('indexing');
  const indexed = await indexRepository({
    root: options.repo,
    repo: 'answers',
    projectId,
    rpc,
    ...(signal ? { signal } : {}),
  });
  if (!indexed.ok) return indexed;
  const cited: number[] = [];
  for (const name of spread(names, SYMBOL_QUESTIONS)) {
    const asked = await ask({ rpc, projectId, q: `What does ${name} do?`, ...(signal ? { signal } : {}) });
    if (!asked.ok) return asked;
    const { answer, found } = asked.value;
    if (answer.refused) continue;
    const numbers = new Set(answer.citations.map((one) => one.n));
    const isVerbatim = answer.citations.every((one) =>
      found.items.some((item) => item.chunk_id === one.chunk_id && item.text.includes(one.quote)),
    );
    const isCited = answer.sentences.every((one) => one.citations.every((n) => numbers.has(n)));
    cited.push(isVerbatim && isCited && numbers.size > 0 ? 1 : 0);
    onProgress?.(`asked ${cited.length}`);
  }
  const given = labelled(options.questions);
  if (!given.ok) return given;
  const first: number[] = [];
  const anywhere: number[] = [];
  const elsewhere: NonNullable<AnswersReport['elsewhere']> = [];
  for (const { q, files } of given.value.filter((one) => one.files.length > 0)) {
    const asked = await ask({ rpc, projectId, q, ...(signal ? { signal } : {}) });
    if (!asked.ok) return asked;
    const paths = [...new Set(asked.value.answer.citations.map((one) => one.path))];
    first.push(paths[0] !== undefined && files.includes(paths[0]) ? 1 : 0);
    anywhere.push(paths.some((path) => files.includes(path)) ? 1 : 0);
    if (first.at(-1) === 0) elsewhere.push({ q, cited: paths });
  }
  const refused: number[] = [];
  const unanswerable = given.value.filter((one) => one.files.length === 0).map((one) => one.q);
  for (const q of [...OFF_TOPIC, ...unanswerable]) {
    const asked = await ask({ rpc, projectId, q, ...(signal ? { signal } : {}) });
    if (!asked.ok) return asked;
    refused.push(asked.value.answer.refused ? 1 : 0);
  }
  return ok({
    name: 'answers',
    truths: truths.length,
    lies: lies.length,
    database: options.database,
    metrics: {
      caught: estimate(verdicts.map((one) => (one.isCaught ? 1 : 0))),
      precision: estimate(dropped),
      cited: estimate(cited),
      refused: estimate(refused),
      ...(first.length > 0 ? { source_first: estimate(first), source_cited: estimate(anywhere) } : {}),
    },
    ...(first.length > 0 ? { elsewhere } : {}),
    by_kind: Object.fromEntries(
      INJECTIONS.map((kind) => {
        const of = verdicts.filter((one) => one.lie.kind === kind);
        return [kind, { n: of.length, caught: of.filter((one) => one.isCaught).length }];
      }),
    ) as AnswersReport['by_kind'],
    missed: verdicts
      .filter((one) => !one.isCaught)
      .slice(0, 10)
      .map(({ lie }: { lie: Injected }) => ({ kind: lie.kind, path: lie.span.path, lie: lie.lie })),
    false_alarms: alarms
      .filter((one) => one.faults !== '')
      .slice(0, 10)
      .map(({ span, truth, faults }) => ({ path: span.path, truth, faults })),
  });
}

function labelled(text = ''): Result<Array<{ q: string; files: string[] }>> {
  const questions: Array<{ q: string; files: string[] }> = [];
  for (const [at, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    try {
      const { q, files } = JSON.parse(line) as { q?: unknown; files?: unknown };
      if (typeof q !== 'string' || !Array.isArray(files)) throw new Error('it is not {q, files[]}');
      questions.push({ q, files: files as string[] });
    } catch (error) {
      return failure(
        'bad_request',
        `Line ${at + 1} of the questions cannot be read: ${(error as Error).message}.`,
      );
    }
  }
  return ok(questions);
}

/** The faults of a sentence that cites its span, or nothing. */
function check(span: Span, sentence: string): string {
  const verdict = verifyClaim({ text: `${sentence} [1]`, citations: [1] }, new Map([[1, span]]));
  return verdict.faults.map((one) => `${one.fault} ${one.what ?? ''}`.trim()).join(', ');
}

function spread<T>(list: readonly T[], n: number): T[] {
  const step = Math.max(1, Math.floor(list.length / n));
  return list.filter((_, at) => at % step === 0).slice(0, n);
}

async function spansOf(root: string, signal: AbortSignal | undefined): Promise<Span[]> {
  const walk = await walkRepository({ root, untracked: false, signal } as Parameters<
    typeof walkRepository
  >[0]);
  const spans: Span[] = [];
  for await (const document of readDocuments(walk.candidates, new Map(), { signal })) {
    if (document.kind !== 'row') continue;
    const { path, language, chunks } = document.row;
    for (const chunk of chunks) {
      spans.push({
        chunk_id: spans.length,
        repo: 'answers',
        path,
        language,
        kind: chunk.kind,
        symbol: chunk.symbol ?? null,
        signature: chunk.signature ?? null,
        heading: chunk.heading ?? null,
        start_line: chunk.start_line,
        end_line: chunk.end_line,
        text: chunk.text,
        commit_sha: null,
        generation: 0,
      });
    }
  }
  return spans;
}
