import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type TrackedFile, trackedFiles } from './git_index.ts';
import { headCommit } from './head_commit.ts';
import { type Candidate, isBrokenName, type Skipped, storedPath } from './candidates.ts';

const run = promisify(execFile);

/** A repository decides what git executes for it; listing files must execute nothing of the repository's. */
const SAFE = ['-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null', '-c', 'core.quotepath=off'];

export interface GitFiles {
  found: Candidate[];
  skipped: Skipped[];
  commit?: string;
  /** The files are those of the commit, as far as was asked. */
  isClean: boolean;
}

/** Tracked files under `root` (which may be a folder of a larger repository); undefined when git cannot say. */
export async function gitFiles(
  root: string,
  options: { untracked: boolean; status?: boolean; signal?: AbortSignal | undefined },
): Promise<GitFiles | { unavailable: string }> {
  const [listed, more, head, status] = await Promise.all([
    listTracked(root, options.signal),
    options.untracked
      ? git(root, ['ls-files', '-z', '--others', '--exclude-standard'], options.signal)
      : undefined,
    headCommit(root).then(
      async (known) =>
        known ?? (await git(root, ['rev-parse', '--verify', '--quiet', 'HEAD'], options.signal)),
    ),
    options.status ? isUnchanged(root, options.untracked, options.signal) : undefined,
  ]);
  if ('unavailable' in listed) return listed;
  const found = new Map<string, Candidate>();
  const skipped: Skipped[] = [];
  for (const { mode, path: relative } of listed) {
    if (isBrokenName(relative)) skipped.push({ path: relative, why: 'the name is not UTF-8' });
    else if (mode === '160000') skipped.push({ path: storedPath(relative), why: 'submodule' });
    else if (mode === '120000') skipped.push({ path: storedPath(relative), why: 'symbolic link' });
    // A file in conflict is listed once for each side.
    else found.set(relative, { path: storedPath(relative), file: join(root, relative) });
  }
  if (more) {
    if (!more.ok) return { unavailable: more.why };
    for (const relative of more.out.split('\0')) {
      if (relative === '' || relative.endsWith('/')) continue;
      found.set(relative, { path: storedPath(relative), file: join(root, relative) });
    }
  }
  const commit = typeof head === 'string' ? head : head.ok ? head.out.trim() : '';
  return {
    found: [...found.values()],
    skipped,
    ...(commit === '' ? {} : { commit }),
    isClean: commit !== '' && status === true,
  };
}

async function listTracked(
  root: string,
  signal: AbortSignal | undefined,
): Promise<TrackedFile[] | { unavailable: string }> {
  const read = await trackedFiles(root);
  if (read) return read;
  const listed = await git(root, ['ls-files', '-z', '--stage'], signal);
  if (!listed.ok) return { unavailable: listed.why };
  return listed.out.split('\0').flatMap((entry) => {
    const tab = entry.indexOf('\t');
    return tab < 0 ? [] : [{ mode: entry.slice(0, 6), path: entry.slice(tab + 1) }];
  });
}

/** The working tree is that of the commit that is checked out. */
async function isUnchanged(
  root: string,
  untracked: boolean,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const which = `--untracked-files=${untracked ? 'all' : 'no'}`;
  const status = await git(root, ['status', '--porcelain', '-z', which, '--', '.'], signal);
  return status.ok && status.out === '';
}

/** A tree that was that of a commit still is; what was read of it meanwhile is of that commit then, unless it went there and back. */
export async function isStillAt(
  root: string,
  commit: string | undefined,
  options: { untracked: boolean; signal?: AbortSignal | undefined },
): Promise<boolean> {
  const [now, unchanged] = await Promise.all([
    headCommit(root),
    isUnchanged(root, options.untracked, options.signal),
  ]);
  return unchanged && now !== undefined && now === commit;
}

/** Inside a hook git sets variables that point at another index; they must not leak into the question. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, GIT_OPTIONAL_LOCKS: '0', LC_ALL: 'C' };
  for (const name of ['GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE', 'GIT_PREFIX']) delete env[name];
  return env;
}

/** Runs git in `root`, so that nothing of the repository's is executed. */
export async function git(
  root: string,
  args: string[],
  signal: AbortSignal | undefined,
): Promise<{ ok: true; out: string } | { ok: false; why: string }> {
  try {
    const { stdout } = await run('git', [...SAFE, ...args], {
      cwd: root,
      env: cleanEnvironment(),
      maxBuffer: 1 << 30,
      ...(signal ? { signal } : {}),
    });
    return { ok: true, out: stdout };
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    if (code === 'ENOENT') return { ok: false, why: 'git is not installed' };
    return { ok: false, why: (stderr ?? '').trim().split('\n')[0] || 'git failed' };
  }
}
