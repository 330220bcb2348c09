import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Rpc } from '@cogo/client/rpc.ts';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { isTestPath } from '../answer/path_role.ts';
import { search } from '../answer/search.ts';
import { indexRepository } from '../indexer.ts';
import { type LocalisationCase, readCases } from './label_files.ts';
import { scoreRanking } from './metrics.ts';
import { type EvalReport, percentile, summarise } from './report.ts';

export interface LocalisationOptions {
  rpc: Rpc;
  /** An empty project. */
  projectId: string;
  /** A git repository, bare or not. It is not changed. */
  repo: string;
  cases: string;
  /** Folder to index for cases that name none. */
  root?: string;
  limit?: number;
  database: EvalReport['database'];
  onProgress?: (note: string) => void;
  signal?: AbortSignal;
}

const run = promisify(execFile);
/** Chunks asked for a question; they are fewer files. */
const DEPTH = 100;

/**
 * Finds the files a change will touch from its title: for each case indexes the tree before the change (`parent`, or
 * the parent of `sha`; without either the newest one), searches, and ranks files by their best chunk. Test files
 * answer only where the case names one.
 */
export async function evalLocalisation(options: LocalisationOptions): Promise<Result<EvalReport>> {
  const cases = await readCases(options.cases);
  if (!cases.ok) return cases;
  const asked = cases.value
    .slice(0, options.limit)
    .map((one) => (options.root === undefined ? one : { root: options.root, ...one }));
  const folder = await mkdtemp(join(tmpdir(), 'cogo-eval-'));
  try {
    return await overTrees(options, asked, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function overTrees(
  options: LocalisationOptions,
  asked: LocalisationCase[],
  folder: string,
): Promise<Result<EvalReport>> {
  const { rpc, projectId, signal, onProgress } = options;
  const tree = join(folder, 'tree');
  const cloned = await git(folder, ['clone', '-q', '--shared', '--no-checkout', options.repo, tree]);
  if (!cloned.ok) return cloned;
  let indexMs = 0;
  let chunks = 0;
  let standing: string | undefined;
  const runs: EvalReport['runs'] = [];
  const times: number[] = [];
  for (const [at, one] of asked.entries()) {
    const commit = one.parent ?? (one.sha === undefined ? 'HEAD' : `${one.sha}^`);
    const place = `${commit}:${one.root ?? ''}`;
    if (place !== standing) {
      const checked = await git(tree, ['checkout', '-q', '--force', '--detach', commit]);
      if (!checked.ok) {
        return failure('bad_request', `${options.cases}: case ${at + 1}: ${checked.error.message}`);
      }
      const root = join(tree, one.root ?? '');
      await mkdir(root, { recursive: true });
      const began = performance.now();
      const indexed = await indexRepository({
        root,
        repo: 'tree',
        projectId,
        rpc,
        ...(signal ? { signal } : {}),
      });
      if (!indexed.ok) return indexed;
      indexMs += performance.now() - began;
      chunks = indexed.value.chunks;
      standing = place;
    }
    const from = performance.now();
    const found = await search({ rpc, projectId, q: one.query, limit: DEPTH, ...(signal ? { signal } : {}) });
    times.push(performance.now() - from);
    if (!found.ok) return found;
    const prefix = (one.root ?? '').replace(/\/*$/, '/').replace(/^\//, '');
    const ranking = rankFiles(
      found.value.items.map((item) => `${prefix}${item.path}`),
      one,
    );
    const relevant = new Map(one.files.map((file) => [file, 1]));
    const first = ranking.findIndex((file) => relevant.has(file));
    runs.push({
      id: one.sha ?? String(at + 1),
      first: first < 0 ? null : first + 1,
      scores: scoreRanking(ranking, relevant),
    });
    onProgress?.(`asked ${runs.length}/${asked.length}`);
  }
  return ok({
    name: 'localisation',
    documents: chunks,
    queries: runs.length,
    metrics: summarise(runs),
    latency_ms: { p50: percentile(times, 0.5), p95: percentile(times, 0.95) },
    index_ms: Math.round(indexMs),
    database: options.database,
    runs,
  });
}

/** Files by their best chunk. */
export function rankFiles(paths: readonly string[], one: Pick<LocalisationCase, 'files'>): string[] {
  const wantsTests = one.files.some((file) => isTestPath(file));
  return [...new Set(paths)].filter((path) => wantsTests || !isTestPath(path));
}

async function git(cwd: string, args: string[]): Promise<Result<string>> {
  try {
    return ok((await run('git', args, { cwd, maxBuffer: 64 << 20 })).stdout);
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    return failure('bad_request', (stderr || message).trim().split('\n')[0]!);
  }
}
