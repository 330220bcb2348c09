import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { storedPath } from './candidates.ts';
import { git } from './git_files.ts';

/**
 * Paths under `root` that differ between a revision and the working tree, and untracked ones: what has to be read again when the index
 * is of that revision or later. Errors: `validation_failed` no such revision, or no git repository.
 */
export async function changedSince(
  root: string,
  rev: string,
  signal?: AbortSignal,
): Promise<Result<Set<string>>> {
  const verified = await git(
    root,
    ['rev-parse', '--verify', '--quiet', '--end-of-options', `${rev}^{commit}`],
    signal,
  );
  const commit = verified.ok ? verified.out.trim() : '';
  if (!/^[0-9a-f]{40,64}$/.test(commit)) {
    const why = verified.ok || verified.why === 'git failed' ? 'git knows no such commit' : verified.why;
    return failure('validation_failed', `--since ${rev}: ${why}.`, { details: { field: 'since' } });
  }
  const changed = new Set<string>();
  for (const args of [
    [
      'diff',
      '--name-only',
      '-z',
      '--no-renames',
      '--no-ext-diff',
      '--no-textconv',
      '--relative',
      commit,
      '--',
      '.',
    ],
    ['ls-files', '-z', '--others', '--exclude-standard'],
  ]) {
    const listed = await git(root, args, signal);
    if (!listed.ok)
      return failure('validation_failed', `--since ${rev}: ${listed.why}.`, { details: { field: 'since' } });
    for (const path of listed.out.split('\0')) if (path !== '') changed.add(storedPath(path));
  }
  return ok(changed);
}
