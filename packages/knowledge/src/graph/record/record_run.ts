import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { failure, ok, type Result } from '@cogo/spec/result.ts';

/** A place in a source below the root: path with `/`; line and column 1-based, in UTF-16 units, the end exclusive. */
export interface RecordedPlace {
  file: string;
  line: number;
  column: number;
  /** Missing where a source map led to it. */
  end_line?: number;
  end_column?: number;
}

/** A call that was seen: where it stands, the function it led to, and how often. */
export interface RecordedCall {
  from: RecordedPlace;
  to: RecordedPlace;
  count: number;
}

export interface RecordRun {
  calls: RecordedCall[];
  /** Processes and threads that called something. */
  threads: number;
  /** What the command ended with; 128 + its number for a signal, as a shell has it. */
  exit: number;
}

/** What makes a Node process, and every one it starts, write down its calls into a folder. */
export function recorderEnvironment(env: NodeJS.ProcessEnv, root: string, folder: string): NodeJS.ProcessEnv {
  const hook = `--import=${new URL('./register.mjs', import.meta.url).href}`;
  return {
    ...env,
    NODE_OPTIONS: env['NODE_OPTIONS'] ? `${env['NODE_OPTIONS']} ${hook}` : hook,
    COGO_TRACE_DIR: folder,
    COGO_TRACE_ROOT: root,
  };
}

/**
 * Runs a command with its input and output as they are, and collects the calls between functions of the repository at
 * `root` from every Node process (20.6 or later) in it. A process that is killed with SIGKILL tells nothing. Aborting passes Ctrl-C
 * (reason `interrupted`) or SIGTERM on; what was called until then is still collected.
 * Errors: `not_found` when the command cannot be started.
 */
export async function recordRun(
  command: readonly [string, ...string[]],
  options: { root: string; cwd: string; env: NodeJS.ProcessEnv; signal?: AbortSignal; stdout?: 'stderr' },
): Promise<Result<RecordRun>> {
  const folder = await mkdtemp(join(tmpdir(), 'cogo-trace-'));
  try {
    const env = recorderEnvironment(options.env, await realpath(options.root), folder);
    const ended = await run(command, { ...options, env });
    if (!ended.ok) return ended;
    const parts = await readdir(folder);
    const rows = new Map<string, RecordedCall>();
    for (const part of parts) {
      for (const line of (await readFile(join(folder, part), 'utf8')).split('\n')) {
        if (line === '') continue;
        const row = JSON.parse(line) as RecordedCall;
        const key = JSON.stringify([row.from, row.to]);
        const known = rows.get(key);
        if (known) known.count += row.count;
        else rows.set(key, row);
      }
    }
    return ok({ calls: [...rows.values()], threads: parts.length, exit: ended.value });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Writes calls as `cogo trace import` reads them. */
export async function writeCalls(file: string, calls: readonly RecordedCall[]): Promise<void> {
  await writeFile(file, calls.map((call) => `${JSON.stringify(call)}\n`).join(''));
}

function run(
  [program, ...args]: readonly [string, ...string[]],
  {
    cwd,
    env,
    signal,
    stdout,
  }: { cwd: string; env: NodeJS.ProcessEnv; signal?: AbortSignal; stdout?: 'stderr' },
): Promise<Result<number>> {
  return new Promise((resolve) => {
    // 2: the caller's stdout is kept for one JSON document
    const child = spawn(program, args, {
      cwd,
      env,
      stdio: ['inherit', stdout === 'stderr' ? 2 : 'inherit', 'inherit'],
    });
    const stop = () => {
      // the terminal has sent its Ctrl-C to the child as well, and two of them often mean: at once
      const isTold = signal?.reason === 'interrupted' && process.stdin.isTTY;
      if (!isTold) child.kill(signal?.reason === 'interrupted' ? 'SIGINT' : 'SIGTERM');
    };
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted) stop();
    child.once('error', (error: NodeJS.ErrnoException) =>
      resolve(failure('not_found', `${program} cannot be started (${error.code ?? error.message}).`)),
    );
    child.once('exit', (code, killed) => {
      signal?.removeEventListener('abort', stop);
      resolve(ok(code ?? 128 + (killed ? constants.signals[killed] : 0)));
    });
  });
}
