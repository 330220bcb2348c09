import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import type { Workspace } from '../sandbox/sandbox.ts';
import { isLfsPointer, type CopyReport } from './copy.ts';
import { git } from './git.ts';
import type { SourceTree } from './repository.ts';

export interface Checkout {
  root: string;
  ref: string;
  workspace: Workspace;
  maxBytes: number;
  signal: AbortSignal;
}

/** The commit a ref names; refs are data of the job, never options of git. */
export async function commitOf(root: string, ref: string): Promise<Result<string>> {
  const found = (
    await git(root, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`])
  )?.trim();
  if (found && /^[0-9a-f]{40,64}$/.test(found)) return ok(found);
  const repository = (await git(root, ['rev-parse', '--git-dir'])) !== null;
  const hint = repository ? 'Fetch it, or name another.' : 'It is no git repository.';
  return failure('not_found', `The repository ${root} has no commit ${JSON.stringify(ref)}. ${hint}`);
}

/**
 * Writes the files of a commit into a workspace: through an index of its own, so the repository and its working tree
 * are not touched. Filters of the repository's configuration (Git LFS and the like) would be programs: they do not run.
 */
export async function checkoutTree({
  root,
  ref,
  workspace,
  maxBytes,
  signal,
}: Checkout): Promise<Result<{ tree: SourceTree; copied: Omit<CopyReport, 'dependencies'> }>> {
  const commit = await commitOf(root, ref);
  if (!commit.ok) return commit;
  const listed = await git(root, ['ls-tree', '-r', '-l', '-z', '--full-tree', commit.value]);
  if (listed === null) return failure('internal', `git could not list the commit ${commit.value}.`);
  const copied: Omit<CopyReport, 'dependencies'> = { files: 0, bytes: 0, leftOut: [], lfsPointers: [] };
  const files: string[] = [];
  const small: string[] = [];
  for (const line of listed.split('\0').filter(Boolean)) {
    // mode SP type SP object SP+ size TAB path
    const [, type, size, path] = /^\d+ (\w+) \w+ +(\d+|-)\t(.*)$/s.exec(line) ?? [];
    if (type === undefined || path === undefined) continue;
    files.push(path);
    if (type === 'commit') copied.leftOut.push({ path, why: 'a submodule or nested repository' });
    else {
      copied.files++;
      copied.bytes += Number(size);
      if (Number(size) < 1024) small.push(path);
    }
  }
  if (copied.bytes > maxBytes) {
    return failure(
      'payload_too_large',
      `The commit is larger than the ${maxBytes} bytes a workspace may have.`,
    );
  }
  await mkdir(workspace.dir, { recursive: true });
  const index = join(workspace.privateDir, 'index');
  const o = {
    env: { GIT_INDEX_FILE: index },
    config: await withoutFilters(root),
    signal,
    timeoutMs: 600_000,
  };
  const written =
    (await git(root, ['read-tree', commit.value], o)) !== null &&
    (await git(root, ['checkout-index', '--all', '--force', '--quiet', `--prefix=${workspace.dir}/`], o)) !==
      null;
  await rm(index, { force: true });
  if (signal.aborted) return failure('aborted', 'Stopped while the workspace was made.');
  if (!written)
    return failure('internal', `git could not write the commit ${commit.value} into a workspace.`);
  for (const path of small) if (await isLfsPointer(join(workspace.dir, path))) copied.lfsPointers.push(path);
  return ok({ tree: { root, files, commit: commit.value, dirty: false, git: true }, copied });
}

/** Settings that turn off every filter the repository's own configuration names. */
async function withoutFilters(root: string): Promise<string[]> {
  const named = await git(root, ['config', '--name-only', '-z', '--get-regexp', '^filter\\.']);
  const filters = new Set((named ?? '').split('\0').map((name) => /^(filter\..+)\.\w+$/.exec(name)?.[1]));
  return [...filters].flatMap((name) =>
    name === undefined ? [] : [`${name}.smudge=`, `${name}.process=`, `${name}.required=false`],
  );
}
