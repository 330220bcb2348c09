import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

/**
 * The commit that is checked out, read from git's own files: starting git takes as long as reading a changed file, and
 * longer in a large process. Undefined where they do not say it plainly (no commit yet, another store of refs): then ask git.
 */
export async function headCommit(root: string): Promise<string | undefined> {
  const home = await gitFolder(root);
  const head = home && (await text(join(home, 'HEAD')));
  if (!home || head === undefined) return undefined;
  const ref = /^ref: (refs\/\S+)\s*$/.exec(head)?.[1];
  if (ref === undefined) return commitOf(head);
  // of a linked worktree the branches are with the repository
  const common = resolve(home, (await text(join(home, 'commondir')))?.trim() ?? '.');
  const loose = await text(join(common, ref));
  if (loose !== undefined) return commitOf(loose);
  const packed = await text(join(common, 'packed-refs'));
  return commitOf(
    packed
      ?.split('\n')
      .find((line) => line.endsWith(` ${ref}`))
      ?.split(' ')[0] ?? '',
  );
}

async function gitFolder(root: string): Promise<string | undefined> {
  for (let folder = root; ; folder = dirname(folder)) {
    const place = join(folder, '.git');
    if ((await text(join(place, 'HEAD'))) !== undefined) return place;
    const link = /^gitdir: (.+)\s*$/.exec((await text(place)) ?? '')?.[1];
    if (link !== undefined) return resolve(folder, link);
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
