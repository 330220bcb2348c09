import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Rpc } from '@cogo/client/rpc.ts';
import type { AnswersReport } from '@cogo/knowledge/eval/answers.ts';
import type { Estimate } from '@cogo/knowledge/eval/bootstrap.ts';
import type { EvalReport } from '@cogo/knowledge/eval/report.ts';
import type { ScratchDatabase } from '@cogo/stack/database/scratch.ts';
import type { Command } from 'commander';
import { addCommand, addGroup, type Host, type Run } from '../command.ts';
import { CommandError } from '../command_error.ts';
import { wholeNumber } from '../numbers.ts';
import { table } from '../table.ts';
import { unwrap } from '../unwrap.ts';
import { repositoryFolder } from './index_repo.ts';
import { registerEvalCallgraph } from './eval_callgraph.ts';

interface Common {
  db?: string;
  limit?: number;
  out?: string;
  baseline?: string;
  tolerance: number;
}

/** What an evaluation of `runEvaluation` is given. */
interface Bench {
  rpc: Rpc;
  projectId: string;
  database: 'pglite' | 'postgres';
  onProgress: (note: string) => void;
  signal: AbortSignal;
}

/** `cogo eval …`: how well search and answers do on a label set, through the same code that serves them. */
export function registerEval(host: Host, root: Command): void {
  const group = addGroup(root, 'eval', 'measure search and answers against labels');
  addCommand<Common & { corpus: string; queries: string; qrels: string }>(host, group, {
    name: 'retrieval',
    about: 'rank the documents of a corpus for judged questions (BEIR layout)',
    after: AFTER,
    options: (command) =>
      withCommon(
        command
          .requiredOption('--corpus <file>', 'corpus.jsonl: {_id, title?, text, path?} a line')
          .requiredOption('--queries <file>', 'queries.jsonl: {_id, text} a line')
          .requiredOption('--qrels <file>', 'qrels.tsv: query-id, corpus-id, score'),
      ),
    action: async (run, options) => {
      const { evalRetrieval } = await import('@cogo/knowledge/eval/retrieval.ts');
      const [corpus, queries, qrels] = [options.corpus, options.queries, options.qrels].map((file) =>
        resolve(run.io.cwd, file),
      ) as [string, string, string];
      return await runEvaluation(run, options, 'retrieval', async (bench) =>
        unwrap(
          await evalRetrieval({ ...bench, corpus, queries, qrels, ...limited(options) }),
          'evaluate retrieval',
        ),
      );
    },
  });
  addCommand<Common & { repo: string; cases: string; root?: string }>(host, group, {
    name: 'localisation',
    about: 'find the files a change touches, from its title, in the tree before the change',
    after: AFTER,
    options: (command) =>
      withCommon(
        command
          .requiredOption('--repo <dir>', 'a git repository; it is not changed')
          .requiredOption('--cases <file>', 'jsonl: {query, files[], sha | parent, root?} a line')
          .option('--root <folder>', 'only this folder of the repository, for cases that name none'),
      ),
    action: async (run, options) => {
      const { evalLocalisation } = await import('@cogo/knowledge/eval/localisation.ts');
      const [repo, cases] = [options.repo, options.cases].map((file) => resolve(run.io.cwd, file)) as [
        string,
        string,
      ];
      return await runEvaluation(run, options, 'localisation', async (bench) =>
        unwrap(
          await evalLocalisation({
            ...bench,
            repo,
            cases,
            ...(options.root === undefined ? {} : { root: options.root }),
            ...limited(options),
          }),
          'evaluate localisation',
        ),
      );
    },
  });
  registerEvalCallgraph(host, group);
  addCommand<Common & { repo: string; questions?: string }>(host, group, {
    name: 'answers',
    about: 'measure the verifier on true sentences of a repository and on the same with an error put in',
    after: AFTER,
    options: (command) =>
      withCommon(
        command
          .requiredOption('--repo <dir>', 'folder of a repository')
          .option('--questions <file>', 'jsonl: {q, files[]} a line; no files: must be refused'),
      ),
    action: async (run, options) => {
      const { evalAnswers } = await import('@cogo/knowledge/eval/answers.ts');
      const repo = await repositoryFolder(resolve(run.io.cwd, options.repo));
      const questions = options.questions
        ? { questions: await readQuestions(resolve(run.io.cwd, options.questions)) }
        : {};
      return await runEvaluation(run, options, 'answers', async (bench) =>
        unwrap(await evalAnswers({ ...bench, repo, ...questions, ...limited(options) }), 'evaluate answers'),
      );
    },
  });
}

const AFTER =
  'Runs in a database of its own that is thrown away: PGlite in memory, or a new one on the server of --db.\n' +
  'With --baseline it exits 1 when a metric falls below the one of that file by more than --tolerance points.';

function withCommon(command: Command): Command {
  return command
    .option('--db <url>', 'make the database on this Postgres server instead (postgres://…)')
    .option('--limit <n>', 'only the first n questions', wholeNumber(1, 1_000_000))
    .option('--out <file>', 'write the report as JSON as well')
    .option('--baseline <file>', 'an earlier report; fail when this one is worse')
    .option('--tolerance <points>', 'how many points (hundredths) worse is still no failure', Number, 1);
}

function limited(options: Common): { limit?: number } {
  return options.limit === undefined ? {} : { limit: options.limit };
}

async function runEvaluation(
  run: Run,
  options: Common,
  name: string,
  evaluate: (bench: Bench) => Promise<EvalReport | AnswersReport>,
) {
  const baseline = options.baseline ? await readBaseline(resolve(run.io.cwd, options.baseline)) : undefined;
  const { openScratchDatabase } = await import('@cogo/stack/database/scratch.ts');
  const step = run.progress.step(`eval ${name}`);
  let db: ScratchDatabase | undefined;
  try {
    db = await openScratchDatabase({ server: options.db });
    const rpc = db.rpc('service_role');
    const made = unwrap(
      await rpc.call<{ id: string }>('create_project', { name: 'evaluation', slug: 'evaluation' }),
      'make a project',
    );
    const report = await evaluate({
      rpc,
      projectId: made.id,
      database: db.kind,
      onProgress: (note) => step.update(note),
      signal: run.io.signal,
    });
    step.done();
    if (options.out) {
      const file = resolve(run.io.cwd, options.out);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, `${JSON.stringify(report, null, 2)}\n`);
    }
    const worse = baseline ? drops(report, baseline, options.tolerance / 100) : [];
    const text = [reportText(report), ...worse.map((drop) => `worse than the baseline: ${drop}`)].join('\n');
    return {
      json: { ok: worse.length === 0, ...report, worse },
      text,
      exit: worse.length > 0 ? (1 as const) : (0 as const),
    };
  } catch (error) {
    step.fail();
    throw error;
  } finally {
    await db?.close();
  }
}

async function readQuestions(file: string): Promise<string> {
  return await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new CommandError({
      code: 'not_found',
      what: `The questions ${file} cannot be read.`,
      why: error.code ?? error.message,
      todo: 'give a jsonl file with {q, files[]} a line',
      exit: 2,
    });
  });
}

async function readBaseline(file: string): Promise<Measured> {
  try {
    const report = JSON.parse(await readFile(file, 'utf8')) as Measured;
    if (typeof report.metrics !== 'object' || report.metrics === null) throw new Error('it has no metrics');
    return report;
  } catch (error) {
    throw new CommandError({
      code: 'bad_request',
      what: `The baseline ${file} cannot be used.`,
      why: (error as Error).message,
      todo: 'make one with --out',
      exit: 2,
    });
  }
}

interface Measured {
  metrics: Readonly<Record<string, Estimate>>;
}

/** The metrics of the baseline that this run falls short of. */
export function drops(report: Measured, baseline: Measured, tolerance: number): string[] {
  return Object.entries(baseline.metrics).flatMap(([metric, { mean }]) => {
    const now = report.metrics[metric]?.mean ?? 0;
    return now < mean - tolerance - 1e-9 ? [`${metric} ${now} < ${mean}`] : [];
  });
}

function reportText(report: EvalReport | AnswersReport): string {
  const rows = Object.entries(report.metrics).map(([metric, { mean, low, high }]) => [
    metric,
    mean.toFixed(4),
    `${low.toFixed(3)} – ${high.toFixed(3)}`,
  ]);
  const shown = table(['metric', 'mean', '95 % interval'], rows);
  if (report.name === 'answers') {
    const kinds = Object.entries(report.by_kind).map(([kind, { n, caught }]) => `${kind} ${caught}/${n}`);
    const missed = (report.elsewhere ?? []).map(
      ({ q, cited }) => `elsewhere: ${q} (${cited.join(', ') || 'refused'})`,
    );
    return [
      `${report.truths} true sentences, ${report.lies} with an error`,
      shown,
      `caught: ${kinds.join(', ')}`,
      ...missed,
    ].join('\n');
  }
  return [
    `${report.queries} questions, ${report.documents} documents, ${report.database}`,
    shown,
    `search p50 ${report.latency_ms.p50} ms, p95 ${report.latency_ms.p95} ms; index ${report.index_ms} ms`,
  ].join('\n');
}
