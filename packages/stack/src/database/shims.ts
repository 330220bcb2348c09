import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Database } from './database.ts';

const FOLDER = fileURLToPath(new URL('../../sql', import.meta.url));

export interface ShimFile {
  file: string;
  sql: string;
}

/** Platform shims in the order they are applied: numbered ones first, then `realtime.sql`. */
export function readShims(): ShimFile[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => ({ file, sql: readFileSync(join(FOLDER, file), 'utf8') }));
}

/** Changes when any shim changes; a database that carries it needs no shim again. */
export function shimsFingerprint(shims: readonly ShimFile[], salt = ''): string {
  const hash = createHash('sha256').update(salt);
  for (const shim of shims) hash.update(`${shim.file}\n${shim.sql}\n`);
  return hash.digest('hex').slice(0, 32);
}

/** Applies every shim, each in one transaction. All are idempotent and add only what the place lacks. */
export async function applyShims(db: Database, shims: readonly ShimFile[]): Promise<void> {
  for (const shim of shims) {
    try {
      await db.transaction((tx) => tx.exec(shim.sql));
    } catch (error) {
      throw new Error(`Platform shim ${shim.file} failed: ${(error as Error).message}`, { cause: error });
    }
  }
}
