import { constants } from 'node:fs';
import { copyFile, lstat, mkdir, open, readdir, readlink, realpath, rm, symlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import type { Sandbox, Workspace } from '../sandbox/sandbox.ts';
import { dependencyFolders, within, type SourceTree } from './repository.ts';

export interface CopyReport {
  files: number;
  bytes: number;
  /** Listed by git but not copied, with why: a deleted file, a submodule, a path through a link out of the repository. */
  leftOut: { path: string; why: string }[];
  /** Files that are Git LFS pointers: their content is not in the repository. */
  lfsPointers: string[];
  /** Folders whose node_modules the job can use. */
  dependencies: string[];
}

const AT_ONCE = 16;

/**
 * Makes the fresh workspace of a job: a copy of the files, never the repository itself. Symbolic links are copied as
 * links; what they point at is the sandbox's business.
 *
 * @param maxBytes the copy ends with `payload_too_large` beyond it
 */
export async function copyTree(
  tree: SourceTree,
  to: string,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<Result<Omit<CopyReport, 'dependencies'>>> {
  const report = { files: 0, bytes: 0, leftOut: [] as CopyReport['leftOut'], lfsPointers: [] as string[] };
  const insideFolder = new Map<string, Promise<boolean>>();
  const inside = (folder: string) => {
    let known = insideFolder.get(folder);
    if (!known) {
      known = realpath(folder).then(
        (real) => within(tree.root, real),
        () => false,
      );
      insideFolder.set(folder, known);
    }
    return known;
  };
  const copyOne = async (path: string): Promise<void> => {
    const from = join(tree.root, path);
    const target = join(to, path);
    const leave = (why: string) => void report.leftOut.push({ path, why });
    if (!within(to, target)) return leave('outside the repository');
    // A tracked file may lie behind a folder that is now a link: its real place decides.
    if (!(await inside(dirname(from)))) return leave('behind a link that leaves the repository');
    const info = await lstat(from).catch(() => null);
    if (!info) return leave('not in the working tree');
    if (info.isDirectory()) return leave('a submodule or nested repository');
    await mkdir(dirname(target), { recursive: true });
    if (info.isSymbolicLink()) {
      await symlink(await readlink(from), target);
    } else if (info.isFile()) {
      report.bytes += info.size;
      if (report.bytes > maxBytes) return;
      await copyFile(from, target, constants.COPYFILE_FICLONE);
      if (info.size < 1024 && (await isLfsPointer(target))) report.lfsPointers.push(path);
    } else return leave('neither a file nor a link');
    report.files++;
  };
  await mkdir(to, { recursive: true });
  const queue = tree.files.values();
  const workers = Array.from({ length: AT_ONCE }, async () => {
    for (const path of queue) {
      if (signal?.aborted || report.bytes > maxBytes) return;
      await copyOne(path);
    }
  });
  try {
    await Promise.all(workers);
  } catch (error) {
    return failure('internal', `The workspace could not be made: ${(error as Error).message}`);
  }
  if (signal?.aborted) return failure('aborted', 'Stopped while the workspace was made.');
  if (report.bytes > maxBytes) {
    return failure(
      'payload_too_large',
      `The repository is larger than the ${maxBytes} bytes a workspace may have.`,
    );
  }
  return ok(report);
}

const LFS = Buffer.from('version https://git-lfs.github.com/spec/');

/** Whether a file is a pointer of Git LFS (its specification: at most 1,024 bytes, this line first). */
export async function isLfsPointer(file: string): Promise<boolean> {
  const handle = await open(file).catch(() => null);
  if (!handle) return false;
  try {
    const start = Buffer.alloc(LFS.length);
    await handle.read(start, 0, start.length, 0);
    return start.equals(LFS);
  } finally {
    await handle.close();
  }
}

/**
 * Makes installed dependencies usable: mounted read-only where there is a sandbox, else by links. A linked package of
 * the repository itself (npm workspaces) leads into the workspace in both, so that the copy is what is tested.
 */
export async function shareDependencies(
  tree: SourceTree,
  workspace: Workspace,
  sandbox: Sandbox,
): Promise<string[]> {
  const folders = await dependencyFolders(tree);
  for (const folder of folders) {
    const from = join(tree.root, folder, 'node_modules');
    if (sandbox.kind === 'bubblewrap') {
      const to = join(sandbox.root(workspace), folder, 'node_modules');
      await mkdir(join(workspace.dir, folder, 'node_modules'), { recursive: true });
      workspace.readOnly.push({ from, to });
    } else {
      await linkModules(tree.root, from, join(workspace.dir, folder, 'node_modules'));
    }
  }
  return folders;
}

async function linkModules(root: string, from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isSymbolicLink()) {
      const link = await readlink(source);
      const own = within(root, resolve(dirname(source), link));
      // Relative and inside the repository: the same link works in the copy and leads to the copy.
      await symlink(own ? link : resolve(dirname(source), link), target);
    } else if (entry.isDirectory() && entry.name.startsWith('@')) {
      await linkModules(root, source, target);
    } else if (entry.isDirectory() && entry.name === '.bin') {
      await linkModules(root, source, target);
    } else {
      await symlink(source, target);
    }
  }
}
