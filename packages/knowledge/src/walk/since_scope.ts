import type { Rpc } from '@cogo/client/rpc.ts';
import { ok, type Result } from '@cogo/spec/result.ts';
import { CONFIG_FILE } from '../repo_config.ts';
import { changedSince } from './changed_since.ts';

export interface SinceInput {
  root: string;
  /** A revision, as the user wrote it. */
  rev: string;
  rpc: Rpc;
  /** uuid */
  projectId: string;
  repo: string;
  signal?: AbortSignal | undefined;
}

/**
 * What has to be read so that the index is right, when the user says that only what differs from a revision does. The index knows
 * better what it is of: what differs from that commit is read as well. `why` instead of `paths` when it cannot tell, and every file has to
 * be compared. Errors: `validation_failed` no such revision, and what `index_status` raises.
 */
export async function sinceScope(input: SinceInput): Promise<Result<{ paths?: Set<string>; why?: string }>> {
  const { root, rev, rpc, projectId, repo, signal } = input;
  const [asked, status] = await Promise.all([
    changedSince(root, rev, signal),
    rpc.call<Status>('index_status', { project_id: projectId }, signal ? { signal } : {}),
  ]);
  if (!asked.ok) return asked;
  if (!status.ok) return status;
  const home = status.value.repos.find((one) => one.repo === repo && one.published_at !== null);
  if (!home) return ok({ why: 'nothing is indexed yet' });
  const { commit_sha: commit, meta } = home;
  if (!commit || meta?.['clean'] !== true) {
    return ok({ why: 'the index is not of a commit alone: the working tree had changes then' });
  }
  const own = await changedSince(root, commit, signal);
  if (!own.ok) return ok({ why: `the index is of commit ${commit.slice(0, 12)}, which git does not know` });
  const paths = new Set([...asked.value, ...own.value]);
  if (paths.has(CONFIG_FILE)) return ok({ why: `${CONFIG_FILE} changed, so other files may count` });
  return ok({ paths });
}

interface Status {
  repos: Array<{
    repo: string;
    commit_sha: string | null;
    meta: Record<string, unknown> | null;
    published_at: string | null;
  }>;
}
