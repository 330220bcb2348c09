import { lstat, readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes a folder takes on disk (blocks, so sparse files count what they use); symbolic links are not followed. */
export async function folderBytes(dir: string): Promise<number> {
  let total = 0;
  const open = [dir];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const entries = await readdir(next, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const path = join(next, entry.name);
      if (entry.isDirectory()) open.push(path);
      else total += ((await lstat(path).catch(() => null))?.blocks ?? 0) * 512;
    }
  }
  return total;
}

export async function freeBytes(dir: string): Promise<number> {
  const fs = await statfs(dir);
  return fs.bavail * fs.bsize;
}
