import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Keys } from '@cogo/client/stack_file.ts';
import { err, failure, ok, type Result } from '@cogo/spec/result.ts';
import { explainFolder } from './explain_failure.ts';
import { loadKeys } from './keys.ts';
import { type Lock, takeLock } from './lock.ts';

/** Makes the data folder, takes its lock and reads its keys. A failure leaves the lock free. */
export async function takeFolder(dataDir: string): Promise<Result<{ lock: Lock; keys: Keys }>> {
  let lock: Result<Lock> | undefined;
  try {
    mkdirSync(join(dataDir, 'logs'), { recursive: true, mode: 0o700 });
    lock = takeLock(dataDir);
    if (!lock.ok) return lock;
    const keys = await loadKeys(dataDir);
    if (keys.ok) return ok({ lock: lock.value, keys: keys.value });
    lock.value.release();
    return keys;
  } catch (error) {
    if (lock?.ok) lock.value.release();
    const known = explainFolder(error, dataDir);
    return known
      ? err(known)
      : failure('internal', `The data folder ${dataDir} can not be used: ${(error as Error).message}`);
  }
}
