import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { git } from './git.ts';

export interface SourceTree {
  /** Real path of the repository. */
  root: string;
  /** Paths relative to `root`, '/' between. */
  files: string[];
  commit: string | null;
  /** Tracked files differ from the commit: what was tested is the working tree. */
  dirty: boolean;
  git: boolean;
}

/** Folders that are never part of a copy of something that is no git repository. */
const NEVER = new Set(['node_modules', '.git', '.cogo', '.hg', '.svn']);

/** Whether the machine's owner allows a repository: its real path lies in one of the allowed folders. */
export async function allowedRepository(path: string, allowed: string[]): Promise<Result<string>> {
  if (!isAbsolute(path)) {
    return failure('validation_failed', `repo_path must be an absolute path, got ${JSON.stringify(path)}.`);
  }
  let root: string;
  try {
    root = await realpath(path);
  } catch {
    return failure('not_found', `The repository ${path} does not exist on this machine.`);
  }
  if (!(await stat(root)).isDirectory()) return failure('validation_failed', `${path} is not a folder.`);
  for (const folder of allowed) {
    const real = await realpath(resolve(folder)).catch(() => null);
    if (real !== null && within(real, root)) return ok(root);
  }
  return failure(
    'forbidden',
    `The owner of this machine does not allow jobs in ${path}. Start the worker with --allow-repo for it.`,
  );
}

export function within(folder: string, path: string): boolean {
  const rest = relative(folder, path);
  return rest === '' || (rest !== '..' && !rest.startsWith(`..${sep}`) && !isAbsolute(rest));
}

/** The files of a repository as they are in its working tree: those git tracks, else all but dependencies. */
export async function sourceTree(root: string): Promise<Result<SourceTree>> {
  const top = await git(root, ['rev-parse', '--show-toplevel']);
  if (top === null) {
    const files = await walk(root);
    return ok({ root, files, commit: null, dirty: false, git: false });
  }
  const listed = await git(root, ['ls-files', '-z']);
  if (listed === null) return failure('internal', `git could not list the files of ${root}.`);
  const commit = (await git(root, ['rev-parse', 'HEAD']))?.trim() ?? null;
  const status = await git(root, ['status', '--porcelain', '-z', '--untracked-files=no', '--', '.']);
  const files = [...new Set(listed.split('\0').filter(Boolean))];
  // A folder of files that were never added: better all of them than none.
  if (files.length === 0) return ok({ root, files: await walk(root), commit, dirty: true, git: false });
  return ok({ root, files, commit, dirty: status === null || status !== '', git: true });
}

async function walk(root: string): Promise<string[]> {
  const files: string[] = [];
  const open = [''];
  for (let dir = open.pop(); dir !== undefined; dir = open.pop()) {
    for (const entry of await readdir(join(root, dir), { withFileTypes: true })) {
      if (NEVER.has(entry.name)) continue;
      const path = dir === '' ? entry.name : `${dir}/${entry.name}`;
      if (entry.isDirectory()) open.push(path);
      else if (entry.isFile() || entry.isSymbolicLink()) files.push(path);
    }
  }
  return files.sort();
}

/** Folders of the tree that have installed dependencies: those with a package.json and a node_modules beside it. */
export async function dependencyFolders(tree: SourceTree): Promise<string[]> {
  const folders = tree.files
    .filter((path) => path === 'package.json' || path.endsWith('/package.json'))
    .map((path) => path.slice(0, -'package.json'.length).replace(/\/$/, ''));
  const found: string[] = [];
  for (const folder of folders.sort()) {
    const info = await lstat(join(tree.root, folder, 'node_modules')).catch(() => null);
    if (info?.isDirectory()) found.push(folder);
  }
  return found;
}
