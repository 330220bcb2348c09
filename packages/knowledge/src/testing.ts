import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Rpc } from '@cogo/client/rpc.ts';

/** A folder for one test. Give `files` as path -> content; `remove` deletes it all. */
export interface TempRepo {
  root: string;
  write(path: string, content: string | Uint8Array): void;
  delete(path: string): void;
  /** `git add -A` of everything there is, in a repository made on the first call. */
  track(): void;
  git(...args: string[]): string;
  remove(): void;
}

export function tempRepo(files: Record<string, string | Uint8Array> = {}): TempRepo {
  const root = mkdtempSync(join(tmpdir(), 'cogo-knowledge-'));
  let isGit = false;
  const repo: TempRepo = {
    root,
    write(path, content) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    },
    delete: (path) => rmSync(join(root, path), { recursive: true, force: true }),
    git: (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8', env: gitEnvironment() }),
    track() {
      if (!isGit) repo.git('init', '-q');
      isGit = true;
      repo.git('add', '-A');
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
  for (const [path, content] of Object.entries(files)) repo.write(path, content);
  return repo;
}

/** No configuration of the machine, no repository around the test's. */
function gitEnvironment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };
  for (const name of Object.keys(env))
    if (/^GIT_(?:DIR|WORK_TREE|INDEX_FILE|PREFIX)$/.test(name)) delete env[name];
  return env;
}

/** An Rpc that lets a test look at, or answer, each call before the real one does. */
export function tappedRpc(
  rpc: Rpc,
  tap: (fn: string, args: Record<string, unknown>) => Awaited<ReturnType<Rpc['call']>> | undefined,
): Rpc {
  return {
    async call<T>(fn: string, args: Record<string, unknown> = {}, opts: { signal?: AbortSignal } = {}) {
      const answer = tap(fn, args);
      return (answer ?? (await rpc.call<T>(fn, args, opts))) as Awaited<ReturnType<typeof rpc.call<T>>>;
    },
    close: () => rpc.close(),
  };
}
