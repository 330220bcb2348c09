import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';

/** Writes a file only its owner can read, whole or not at all. */
export function writePrivate(path: string, text: string): void {
  const unfinished = `${path}.${process.pid}.tmp`;
  try {
    const file = openSync(unfinished, 'w', 0o600);
    try {
      writeSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(unfinished, path);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
}
