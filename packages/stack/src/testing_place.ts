// A whole stack for tests, on a copy of a database that was made once.
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readMigrations } from './database/migrations.ts';
import { readShims, shimsFingerprint } from './database/shims.ts';
import { type Stack, type StackOptions, startStack } from './start.ts';

export interface TestStack {
  stack: Stack;
  dataDir: string;
  /** Stops the stack and removes its folder. */
  close(): Promise<void>;
}

export const REPO = fileURLToPath(new URL('../../..', import.meta.url));
const CACHE = join(REPO, 'node_modules/.cache/cogo');

/** A data folder of a test, with a finished database in it; the caller removes it. */
export async function testDataDir(): Promise<string> {
  const template = await preparedDatabase();
  const dataDir = join(mkdtempSync(join(tmpdir(), 'cogo-test-')), '.cogo');
  mkdirSync(dataDir, { mode: 0o700 });
  cpSync(template, join(dataDir, 'pg'), { recursive: true });
  return dataDir;
}

export function removeDataDir(dataDir: string): void {
  rmSync(dirname(dataDir), { recursive: true, force: true });
}

/** Ports are the system's choice. Without functions unless asked: most tests need no Deno. */
export async function startTestStack(options: Partial<StackOptions> = {}): Promise<TestStack> {
  const dataDir = options.dataDir ?? (await testDataDir());
  const started = await startStack({
    root: REPO,
    functions: false,
    ports: { gateway: 0, db: 0, studio: 0 },
    ...options,
    dataDir,
  });
  if (!started.ok) {
    removeDataDir(dataDir);
    throw new Error(started.error.message);
  }
  const stack = started.value;
  return {
    stack,
    dataDir,
    async close() {
      await stack.stop();
      removeDataDir(dataDir);
    },
  };
}

async function preparedDatabase(): Promise<string> {
  const salt = `place ${process.version} ${readMigrations(join(REPO, 'supabase/migrations')).map((m) => m.sql)}`;
  const template = join(CACHE, `place-${shimsFingerprint(readShims(), salt)}`);
  if (existsSync(template)) return template;
  const dataDir = join(mkdtempSync(join(tmpdir(), 'cogo-template-')), '.cogo');
  const made = await startTestStack({ dataDir });
  await made.stack.stop();
  mkdirSync(CACHE, { recursive: true });
  const unfinished = `${template}.${process.pid}`;
  cpSync(join(dataDir, 'pg'), unfinished, { recursive: true });
  try {
    renameSync(unfinished, template);
  } catch {
    // Another test process was faster.
    rmSync(unfinished, { recursive: true, force: true });
  }
  removeDataDir(dataDir);
  return template;
}
