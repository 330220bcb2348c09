import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

const MAX_BYTES = 5 * 1024 * 1024;

/**
 * Appends lines with a time to a file that is turned over at 5 MB (one older file is kept). A log that can not be written is
 * lost, never the work it tells of.
 */
export function logFile(path: string, clean: (line: string) => string): (line: string) => void {
  let size = 0;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    size = statSync(path).size;
  } catch {
    size = 0;
  }
  return (line) => {
    const text = `${new Date().toISOString()} ${clean(line)}\n`;
    try {
      if (size + text.length > MAX_BYTES) {
        renameSync(path, `${path}.1`);
        size = 0;
      }
      appendFileSync(path, text, { mode: 0o600 });
      size += Buffer.byteLength(text);
    } catch {
      // disk full or folder gone
    }
  };
}
