import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { MAX_FILE_BYTES } from './policy/content_policy.ts';

export type ReadFile =
  | { kind: 'read'; bytes: Buffer }
  /** Gone since the walk: the index forgets it. */
  | { kind: 'gone' }
  /** There, but not to be indexed now. `keep`: what is indexed already may stay. */
  | { kind: 'skipped'; why: string; keep: boolean };

const ATTEMPTS = 3;

/**
 * One file's bytes as of one moment: a file that changes under the reader is read again, then left for the next run.
 * `onOpened` is told of each attempt before the bytes are read.
 */
export async function readSource(file: string, onOpened?: () => Promise<void>): Promise<ReadFile> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const result = await readOnce(file, onOpened);
    if (result.kind !== 'changed') return result;
  }
  return { kind: 'skipped', why: 'changes while it is read', keep: true };
}

async function readOnce(
  file: string,
  onOpened?: () => Promise<void>,
): Promise<ReadFile | { kind: 'changed' }> {
  let handle: Awaited<ReturnType<typeof open>> | undefined;
  try {
    // NONBLOCK: a named pipe must not hang the run. NOFOLLOW: a file may have become a link since the walk.
    handle = await open(file, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
    const before = await handle.stat({ bigint: true });
    if (!before.isFile()) return { kind: 'skipped', why: 'not a regular file', keep: false };
    if (before.size > MAX_FILE_BYTES) {
      return {
        kind: 'skipped',
        why: `larger than ${MAX_FILE_BYTES / 1e6} MB (${megabytes(before.size)})`,
        keep: false,
      };
    }
    await onOpened?.();
    const bytes = await handle.readFile();
    const after = await handle.stat({ bigint: true });
    const isSame =
      before.mtimeNs === after.mtimeNs && before.size === after.size && after.size === BigInt(bytes.length);
    return isSame ? { kind: 'read', bytes } : { kind: 'changed' };
  } catch (error) {
    const code = (error as { code?: string }).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'gone' };
    if (code === 'ELOOP' || code === 'EMLINK') return { kind: 'skipped', why: 'symbolic link', keep: false };
    return { kind: 'skipped', why: `cannot be read (${code ?? String(error)})`, keep: false };
  } finally {
    await handle?.close();
  }
}

function megabytes(bytes: bigint): string {
  return `${(Number(bytes) / 1e6).toFixed(1)} MB`;
}
