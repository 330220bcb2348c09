import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

/**
 * The commit that is checked out, read from git's own files: starting git takes as long as reading a changed file, and
 * longer in a large process. '' where there is none yet; undefined where they do not say it plainly (another store of refs): then ask git.
 */
export async function headCommit(root: string): Promise<string | undefined> {
  const { home } = (await gitFolder(root)) ?? {};
  const head = home && (await text(join(home, 'HEAD')));
  if (!home || head === undefined) return undefined;
  const ref = /^ref: (refs\/\S+)\s*$/.exec(head)?.[1];
  if (ref === undefined) return commitOf(head);
  // of a linked worktree the branches are with the repository
  const common = resolve(home, (await text(join(home, 'commondir')))?.trim() ?? '.');
  const loose = await text(join(common, ref));
  if (loose !== undefined) return commitOf(loose);
  const packed = await text(join(common, 'packed-refs'));
  const line = packed?.split('\n').find((one) => one.endsWith(` ${ref}`));
  if (line !== undefined) return commitOf(line.split(' ')[0]!);
  // another store of refs leaves a branch here that cannot be
  return ref.startsWith('refs/heads/') && ref !== 'refs/heads/.invalid' ? '' : undefined;
}

/** `home`: where git keeps this checkout's HEAD and index. `top`: its work tree, unless set to be elsewhere. */
export async function gitFolder(root: string): Promise<{ home: string; top: string } | undefined> {
  for (let folder = root; ; folder = dirname(folder)) {
    const place = join(folder, '.git');
    if ((await text(join(place, 'HEAD'))) !== undefined) return { home: place, top: folder };
    const link = /^gitdir: (.+)\s*$/.exec((await text(place)) ?? '')?.[1];
    if (link !== undefined) return { home: resolve(folder, link), top: folder };
    if (dirname(folder) === folder) return undefined;
  }
}

function commitOf(line: string): string | undefined {
  const commit = line.trim();
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(commit) ? commit : undefined;
}

async function text(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    return undefined;
  }
}
