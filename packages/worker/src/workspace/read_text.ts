import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * The bytes of a plain file of a repository; null for anything else. What a repository holds is not to be trusted: a link
 * is not followed (it may lead anywhere on this machine), a pipe or device is not waited for, and a large file not read.
 */
export function readPlainFile(path: string, maxBytes: number): Buffer | null {
  let fd: number;
  try {
    fd = openSync(path, FLAGS);
  } catch {
    return null;
  }
  try {
    const info = fstatSync(fd);
    if (!info.isFile() || info.size > maxBytes) return null;
    const bytes = Buffer.alloc(info.size);
    let length = 0;
    for (let n = 1; n > 0 && length < bytes.length; length += n) {
      n = readSync(fd, bytes, length, bytes.length - length, length);
    }
    return bytes.subarray(0, length);
  } catch {
    return null;
  } finally {
    closeSync(fd);
  }
}

/** Configuration files are small. */
const MAX_TEXT = 1024 * 1024;

export function readPlainText(path: string): string | null {
  return readPlainFile(path, MAX_TEXT)?.toString('utf8') ?? null;
}
