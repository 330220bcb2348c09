import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { failure, ok, type Result } from '@cogo/spec/result.ts';

/** Secrets of one place, made once. `.cogo/keys.json`, mode 0600. */
export interface Keys {
  publishable_key: string;
  secret_key: string;
  jwt_secret: string;
  /** Password of Studio; the user is `cogo`. */
  studio_password: string;
  /** Key-encryption key of the key vault, base64 of 32 bytes. */
  kek: string;
}

export interface Ports {
  gateway: number;
  db: number;
  studio: number;
  dashboard: number;
}

/** What runs, `.cogo/stack.json`, mode 0600. Present while the stack is up; a dead `pid` means it was killed. */
export interface StackFile {
  pid: number;
  urls: { gateway: string; functions: string; studio: string; dashboard?: string; db: string };
  ports: Ports;
  /** ISO 8601, UTC. */
  started_at: string;
  version: string;
  db: 'pglite' | 'postgres';
}

/** Nearest `.cogo` folder at or above `cwd`, else `<cwd>/.cogo`. `COGO_DATA` and `--data` are the caller's to check. */
export function findDataDir(cwd: string): string {
  for (let dir = resolve(cwd); ; dir = dirname(dir)) {
    const candidate = join(dir, '.cogo');
    if (existsSync(candidate)) return candidate;
    if (dir === dirname(dir)) return join(resolve(cwd), '.cogo');
  }
}

/** `not_found` when no stack was started with this data folder. */
export function readStackFile(dataDir: string): Result<StackFile> {
  return readJson(join(dataDir, 'stack.json'), 'No stack is running here. Start one: cogo up');
}

/** `not_found` when no stack was ever started with this data folder. */
export function readKeys(dataDir: string): Result<Keys> {
  return readJson(join(dataDir, 'keys.json'), 'No keys were made here yet. Start a stack: cogo up');
}

function readJson<T>(path: string, absent: string): Result<T> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return failure('not_found', absent);
    return failure('internal', `Could not read ${path}: ${(error as Error).message}`);
  }
  try {
    return ok(JSON.parse(text) as T);
  } catch {
    return failure('internal', `${path} is not JSON. Stop the stack and start it again.`);
  }
}
