// Evidence for a question; rag serves it, chat and research.run answer from it: one code, so all see the same spans.
import type { QuestionVector } from '../embed/question_vectors.ts';
import { readQuestion } from './question.ts';
import { ANSWER_CANDIDATES, rerank } from './rerank.ts';
import { search, type SearchAnswer } from './search.ts';
import type { CallRpc, ScoredSpan } from './span.ts';
import type { SearchFilter, Span, Strategy } from '@cogo/spec/schemas/evidence.ts';
import { failure, ok, type Result } from '@cogo/spec/result.ts';

export interface EvidenceQuestion {
  rpc: CallRpc;
  projectId: string;
  q: string;
  /** 1 to 100. */
  limit: number;
  strategy: Strategy;
  filter?: SearchFilter | undefined;
  explain?: boolean;
  /** As in search. */
  questionVector?: QuestionVector | undefined;
  signal?: AbortSignal;
  /** As in search. */
  manual?: boolean;
}

/** Asked for beyond the limit, to fill the places of spans that others hold already. */
const SPARE = 5;

/**
 * Ranked spans without those that lie wholly inside a better one of the same file. Errors: `not_configured` for
 * strategy `graph` (the code graph is not there), and those of the search.
 */
export async function findEvidence(question: EvidenceQuestion): Promise<Result<SearchAnswer>> {
  const found = await findHits({ ...question, limit: Math.min(question.limit + SPARE, 100) });
  if (!found.ok) return found;
  return ok({ ...found.value, items: withoutNested(found.value.items).slice(0, question.limit) });
}

/** The spans to answer from: chosen among more than are asked for, by what the question asks. Errors as `findEvidence`. */
export async function findAnswerEvidence(asked: EvidenceQuestion): Promise<Result<SearchAnswer>> {
  const question = readQuestion(asked.q);
  const manual = question.asks === 'account' && question.route !== 'symbol' && question.route !== 'path';
  const found = await findEvidence({ ...asked, limit: Math.max(asked.limit, ANSWER_CANDIDATES), manual });
  if (!found.ok) return found;
  const { items, lexicon } = found.value;
  return ok({ ...found.value, items: rerank(question, items, lexicon).slice(0, asked.limit) });
}

/** The hits of the search as they come. Errors as `findEvidence`. */
export async function findHits(question: EvidenceQuestion): Promise<Result<SearchAnswer>> {
  const { rpc, projectId, q, limit, strategy, filter, explain, manual, signal } = question;
  if (strategy === 'graph') {
    return failure(
      'not_configured',
      'Strategy graph needs the code graph, which this version does not index yet. Use auto, hybrid, lexical or vector.',
      { details: { reason: 'graph_not_indexed', strategies: ['auto', 'hybrid', 'lexical', 'vector'] } },
    );
  }
  return await search({
    rpc,
    projectId,
    q,
    limit,
    strategy,
    ...(filter ? { filter: definedFields(filter) } : {}),
    ...(explain ? { explain } : {}),
    ...(manual ? { manual } : {}),
    ...(question.questionVector ? { questionVector: question.questionVector } : {}),
    ...(signal ? { signal } : {}),
  });
}

/** Drops a span whose lines a better ranked span of the same file contains. */
export function withoutNested(spans: readonly ScoredSpan[]): ScoredSpan[] {
  const kept: ScoredSpan[] = [];
  for (const span of spans) {
    const isNested = kept.some(
      (other) =>
        other.repo === span.repo &&
        other.path === span.path &&
        other.start_line <= span.start_line &&
        other.end_line >= span.end_line &&
        other.text.includes(span.text),
    );
    if (!isNested) kept.push(span);
  }
  return kept;
}

/** A span as it leaves the function: what the schema names, whatever else the database said. */
export function publicSpan(span: ScoredSpan): Span {
  const { chunk_id, repo, path, language, kind, symbol, signature, heading } = span;
  const { start_line, end_line, text, score, signals, commit_sha, generation } = span;
  return {
    chunk_id,
    repo,
    path,
    language,
    kind,
    symbol,
    signature,
    heading,
    start_line,
    end_line,
    text,
    score,
    ...(signals ? { signals } : {}),
    commit_sha,
    generation,
  };
}

// exactOptionalPropertyTypes callers pass absent fields, not undefined ones.
function definedFields<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
