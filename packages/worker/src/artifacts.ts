import { createHash } from 'node:crypto';
import { lstat, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Artifact {
  /** Path in the artifact store: `jobs/<job>/<attempt>/<set>/<file>`. */
  path: string;
  name: string;
  /** Bytes. */
  size: number;
  sha256: string;
  mime: string;
  /** `local`: only in the data folder of the worker's machine. `storage`: also in the bucket `cogo-artifacts`. */
  store: 'local' | 'storage';
}

const MIME: Record<string, string> = {
  json: 'application/json',
  log: 'text/plain; charset=utf-8',
  sarif: 'application/sarif+json',
};

/** A name that is a path nowhere: no separator, no dot in front, nothing that cannot be printed. */
const PLAIN = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/;

/**
 * Writes one set of artifacts of an attempt, 0600, below `root`. Rejects what is no plain name, and a folder that is a
 * link: neither may turn into a path elsewhere. A file that is there is replaced.
 */
export async function writeArtifacts(
  root: string,
  attempt: { jobId: string; attempt: number },
  set: string,
  files: Record<string, string | Buffer>,
): Promise<Artifact[]> {
  const parts = ['jobs', attempt.jobId, String(Math.trunc(attempt.attempt)), set];
  for (const name of [...parts, ...Object.keys(files)]) {
    if (!PLAIN.test(name)) throw new Error(`${JSON.stringify(name)} is no plain name for an artifact`);
  }
  const base = parts.join('/');
  const dir = join(root, base);
  await mkdir(root, { recursive: true, mode: 0o700 });
  for (let i = 1; i <= parts.length; i++) {
    const folder = join(root, ...parts.slice(0, i));
    await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    if (!(await lstat(folder)).isDirectory()) throw new Error(`${folder} is a link or a file, not a folder`);
  }
  const written: Artifact[] = [];
  for (const [name, content] of Object.entries(files)) {
    const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : content;
    const file = join(dir, name);
    // Exclusive creation follows no link.
    await rm(file, { force: true });
    await writeFile(file, bytes, { mode: 0o600, flag: 'wx' });
    written.push({
      path: `${base}/${name}`,
      name: `${set}/${name}`,
      size: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      mime: MIME[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream',
      store: 'local',
    });
  }
  return written;
}
