import { randomBytes, randomInt } from 'node:crypto';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateApiKey } from '@supabase/lite';
import type { Keys } from '@cogo/client/stack_file.ts';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { writePrivate } from './private_file.ts';

const NAMES = ['publishable_key', 'secret_key', 'jwt_secret', 'studio_password', 'kek'] as const;
const BASE62 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** Reads the keys of a place, or makes them the first time. The file is 0600; a looser mode is tightened. */
export async function loadKeys(dataDir: string): Promise<Result<Keys>> {
  const path = join(dataDir, 'keys.json');
  if (existsSync(path)) return readExisting(path);
  const keys: Keys = {
    publishable_key: (await generateApiKey('publishable')).key,
    secret_key: (await generateApiKey('secret')).key,
    jwt_secret: randomBytes(48).toString('base64url'),
    studio_password: password(24),
    kek: randomBytes(32).toString('base64'),
  };
  writePrivate(path, `${JSON.stringify(keys, null, 2)}\n`);
  return ok(keys);
}

function readExisting(path: string): Result<Keys> {
  let keys: Record<string, unknown>;
  try {
    keys = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    chmodSync(path, 0o600);
  } catch (error) {
    return failure(
      'internal',
      `The keys in ${path} can not be read: ${(error as Error).message}. ${RESTORE}`,
    );
  }
  const missing = NAMES.filter((name) => typeof keys[name] !== 'string' || keys[name] === '');
  if (missing.length > 0) {
    return failure('internal', `${path} lacks ${missing.join(', ')}. ${RESTORE}`);
  }
  return ok(keys as unknown as Keys);
}

// New keys are never made over old ones: vault secrets and sessions would be lost without a word.
const RESTORE = 'Restore the file from a copy, or drop all data and keys with: cogo reset --keys';

function password(length: number): string {
  return Array.from({ length }, () => BASE62[randomInt(BASE62.length)]).join('');
}
