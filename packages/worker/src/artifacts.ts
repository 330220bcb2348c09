import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Artifact {
  /** Path in the artifact store: `jobs/<job>/<attempt>/<set>/<file>`. */
  path: string;
  name: string;
  /** Bytes. */
  size: number;
  sha256: string;
  mime: string;
  /** Where it lies: a folder of the worker's machine (`local`). */
  store: 'local';
}

const MIME: Record<string, string> = { json: 'application/json', log: 'text/plain; charset=utf-8' };

/**
 * Writes one set of artifacts of an attempt, 0600, below `root`. File names come from the worker, the job's id from the
 * dispatcher: anything but a plain id is refused rather than turned into a path.
 */
export async function writeArtifacts(
  root: string,
  attempt: { jobId: string; attempt: number },
  set: string,
  files: Record<string, string>,
): Promise<Artifact[]> {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(attempt.jobId)) throw new Error('a job id must be a plain word');
  const base = `jobs/${attempt.jobId}/${Math.trunc(attempt.attempt)}/${set}`;
  const dir = join(root, base);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const written: Artifact[] = [];
  for (const [name, text] of Object.entries(files)) {
    const bytes = Buffer.from(text, 'utf8');
    await writeFile(join(dir, name), bytes, { mode: 0o600 });
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
