import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { crashesInARow, restartDelay, RESTART, type BackoffOptions } from './backoff.ts';

export interface ChildSpec {
  name: string;
  /** Arguments of `node`. */
  args: string[];
  env: Record<string, string | undefined>;
  cwd?: string;
  /** stdout and stderr are appended here, 0600; rotated to `.1` at a (re)start beyond 10 MB. */
  logFile: string;
  /** The exit code by which it says that it must not be started again. */
  endsFor?: number;
}

export interface SuperviseOptions {
  backoff?: BackoffOptions;
  /** Told at each crash: exit code or signal, and how long until the next start. */
  onCrash?: (crash: {
    name: string;
    code: number | null;
    signal: string | null;
    /** Undefined when it stays ended. */
    restartInMs: number | undefined;
  }) => void;
  /** Told at each start, also the first. */
  onStart?: (started: { name: string; pid: number; starts: number }) => void;
}

export interface Supervised {
  readonly name: string;
  pid(): number | undefined;
  starts(): number;
  /** SIGTERM, and SIGKILL when it is still there after `graceMs`. Resolves when it has ended. */
  stop(graceMs?: number): Promise<void>;
}

const ROTATE_BYTES = 10 * 1024 * 1024;

/**
 * Keeps one Node child alive: restarted with backoff when it ends by itself. It gets a pipe as stdin that it
 * reads (`endWithParent`): a parent that dies, however it dies, closes it.
 */
export function supervise(spec: ChildSpec, options: SuperviseOptions = {}): Supervised {
  const backoff = options.backoff ?? RESTART;
  let child: ChildProcess | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopping = false;
  let crashes = 0;
  let starts = 0;
  let ended: Promise<void> = Promise.resolve();

  const start = () => {
    const began = performance.now();
    const log = openLog(spec.logFile);
    const started = spawn(process.execPath, spec.args, {
      ...(spec.cwd ? { cwd: spec.cwd } : {}),
      env: { ...spec.env, COGO_SUPERVISED: '1' },
      stdio: ['pipe', log, log],
    });
    closeSync(log);
    // The write end is only held open; a child that dies first must not raise EPIPE here.
    started.stdin?.on('error', () => {});
    child = started;
    starts += 1;
    if (started.pid) options.onStart?.({ name: spec.name, pid: started.pid, starts });
    ended = new Promise((resolve) => {
      let over = false;
      const onEnd = (code: number | null, signal: string | null) => {
        if (over) return;
        over = true;
        child = undefined;
        resolve();
        if (stopping) return;
        if (code !== null && code === spec.endsFor) {
          options.onCrash?.({ name: spec.name, code, signal, restartInMs: undefined });
          return;
        }
        crashes = crashesInARow(crashes, performance.now() - began, backoff);
        const restartInMs = restartDelay(crashes, backoff);
        options.onCrash?.({ name: spec.name, code, signal, restartInMs });
        timer = setTimeout(start, restartInMs);
      };
      started.once('exit', onEnd);
      started.once('error', () => onEnd(null, null));
    });
  };
  start();

  return {
    name: spec.name,
    pid: () => child?.pid,
    starts: () => starts,
    async stop(graceMs = 5000) {
      stopping = true;
      clearTimeout(timer);
      const last = child;
      if (!last) return;
      last.kill('SIGTERM');
      const kill = setTimeout(() => last.kill('SIGKILL'), graceMs);
      await ended;
      clearTimeout(kill);
    },
  };
}

/** Opens a log for appending, readable by its owner only, after rotating it when it has grown. */
export function openLog(file: string): number {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  try {
    if (statSync(file).size > ROTATE_BYTES) renameSync(file, `${file}.1`);
  } catch {
    // Not there yet.
  }
  return openSync(file, 'a', 0o600);
}
