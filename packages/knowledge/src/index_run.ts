import type { Rpc } from '@cogo/client/rpc.ts';
import { ok, type Result } from '@cogo/spec/result.ts';
import type { IndexReport } from './index_report.ts';
import type { Walk } from './walk/candidates.ts';
import { isStillAt } from './walk/git_files.ts';

/** Whose index a run is of. */
export interface RunOf {
  rpc: Rpc;
  /** uuid */
  projectId: string;
  repo: string;
  signal?: AbortSignal | undefined;
}

/** `files`: what a run that was gone on with holds. */
export interface OpenRun {
  run_id: string;
  generation: number;
  files?: KnownFile[];
}

export interface KnownFile {
  path: string;
  content_hash: string;
  extractor: string;
  surface?: string;
}

/** Opens a run, or goes on with an open one of this repository: `files` are those it holds. */
export async function beginRun(
  { rpc, projectId, repo, signal }: RunOf,
  walk: Walk,
  mayResume: boolean,
): Promise<Result<OpenRun>> {
  const call = signal ? { signal } : {};
  const args = {
    project_id: projectId,
    repo,
    commit_sha: walk.commit ?? null,
    // clean: the index is exactly that of the commit, which --since builds on
    meta: { listed_by: walk.by, clean: walk.isClean },
  };
  if (mayResume) {
    const resumed = await rpc.call<{ run_id: string; generation: number; files: KnownFile[] } | null>(
      'index_resume',
      args,
      call,
    );
    if (resumed.ok && resumed.value) return ok(resumed.value);
  }
  return await rpc.call('index_begin', args, call);
}

/** Shows what a run wrote. `walked`: as it was when the run began. */
export async function publishRun(
  { rpc, signal, untracked }: RunOf & { untracked: boolean },
  runId: string,
  place: string,
  walked: Walk,
  deleted: string[],
  report: IndexReport,
): Promise<Result<void>> {
  const call = signal ? { signal } : {};
  const { added, changed, unchanged, relinked } = report;
  const stats = {
    added,
    changed,
    unchanged,
    relinked,
    deleted: deleted.length,
    skipped: report.skipped.length,
    // files may have changed after git was asked and before they were read
    clean: walked.isClean && (await isStillAt(place, walked.commit, { untracked, signal })),
  };
  const finished = await rpc.call<{ files: number; chunks: number }>(
    'index_finish',
    { run_id: runId, stats },
    call,
  );
  if (!finished.ok) return finished;
  report.files = finished.value.files;
  report.chunks = finished.value.chunks;
  return ok(undefined);
}

/** What was put stays for the next run; or the run is somebody else's by now. */
export function mayBeResumed(code: string): boolean {
  return ['unavailable', 'timeout', 'rate_limited', 'stale_generation'].includes(code);
}
