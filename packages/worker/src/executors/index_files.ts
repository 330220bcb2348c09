import { basename } from 'node:path';
import type { Rpc } from '@cogo/client/rpc.ts';
import { indexRepository, type IndexProgress, type IndexReport } from '@cogo/knowledge/indexer.ts';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { indexJobPayload, type IndexJobResult } from '@cogo/spec/job_results.ts';
import type { ClaimedJob } from '../client/worker_link.ts';
import { allowedRepository } from '../workspace/repository.ts';
import type { Executor, JobContext, Outcome } from './executor.ts';
import { failed, STOPPED } from './workbench.ts';

export interface IndexExecutorOptions {
  /** The worker's own connection: its token may index the project it belongs to. */
  rpc: Rpc;
  allowRepos: string[];
  defaultRepo: string | null;
}

/** More would not help anyone; the counts say the rest. */
const MAX_LISTED = 50;

/**
 * `index.repo` (a repository) and `index.file` (`paths` of one): brings the project's index up to date with the working
 * tree. Only what changed is read; a job that is stopped leaves the index as it was, and the next begins anew.
 */
export function indexExecutors(o: IndexExecutorOptions): Executor[] {
  return [
    { type: 'index.repo', run: (job, context) => run(o, job, context) },
    { type: 'index.file', run: (job, context) => run(o, job, context) },
  ];
}

async function run(o: IndexExecutorOptions, job: ClaimedJob, context: JobContext): Promise<Outcome> {
  const payload = readPayload(job);
  if (!payload.ok) return failed(payload.error);
  const asked = payload.value.repo_path ?? o.defaultRepo;
  if (asked === null) {
    return failed(noRepository);
  }
  const root = await allowedRepository(asked, o.allowRepos);
  if (!root.ok) return failed(root.error);
  const repo = payload.value.repo ?? (basename(root.value) || 'root');
  const got = await indexRepository({
    root: root.value,
    repo,
    projectId: job.projectId,
    rpc: o.rpc,
    signal: context.signal,
    onProgress: (at) => context.progress(progressOf(at)),
    ...(payload.value.paths ? { paths: payload.value.paths } : {}),
    ...(payload.value.untracked === undefined ? {} : { untracked: payload.value.untracked }),
  });
  if (context.signal.aborted) return STOPPED;
  if (!got.ok) {
    const { retryable, code, message } = got.error;
    // A newer run of the same repository took over: its index is the newer one.
    if (code === 'stale_generation' || retryable) {
      return { kind: 'failed', error: { code, message, reason: 'dependency_unavailable' }, retryable: true };
    }
    return failed(got.error);
  }
  return { kind: 'finished', result: resultOf(repo, got.value) };
}

const noRepository = failure('validation_failed', 'The job names no repository: give repo_path.').error;

function readPayload(job: ClaimedJob): Result<ReturnType<typeof indexJobPayload.parse>> {
  const read = indexJobPayload.safeParse(job.payload ?? {});
  if (!read.success) {
    const { path, message } = read.error.issues[0]!;
    return failure('validation_failed', `The job is not valid: ${path.join('.') || 'payload'}: ${message}.`);
  }
  if (job.type === 'index.file' && !read.data.paths) {
    return failure(
      'validation_failed',
      'The job is not valid: index.file needs paths, a list of files of the repository.',
    );
  }
  return ok(read.data);
}

function progressOf(at: IndexProgress): Record<string, unknown> {
  return { phase: at.phase, done: at.filesDone, of: at.filesTotal, chunks: at.chunksWritten };
}

function resultOf(repo: string, report: IndexReport): IndexJobResult {
  const { skipped, warnings, generation, commit, ...counts } = report;
  return {
    repo,
    generation: generation ?? null,
    commit: commit ?? null,
    ...counts,
    skipped_files: skipped.length,
    skipped: skipped.slice(0, MAX_LISTED),
    warnings: warnings.slice(0, MAX_LISTED),
  };
}
