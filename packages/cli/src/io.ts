import type { Readable, Writable } from 'node:stream';

/** Everything a command touches of its process, so that tests can hand in their own. */
export interface Io {
  stdin: Readable & { isTTY?: boolean };
  stdout: Writable & { isTTY?: boolean; columns?: number };
  stderr: Writable & { isTTY?: boolean; columns?: number };
  env: NodeJS.ProcessEnv;
  cwd: string;
  /** Aborted by Ctrl-C (reason `interrupted`) and by SIGTERM (reason `terminated`). */
  signal: AbortSignal;
}

export type StopReason = 'interrupted' | 'terminated';

/** The real process. The first SIGINT or SIGTERM asks the command to stop, the second one ends it at once. */
export function processIo(): Io {
  const stop = new AbortController();
  const onSignal = (reason: StopReason) => () => {
    if (stop.signal.aborted) process.exit(130);
    stop.abort(reason);
  };
  process.on('SIGINT', onSignal('interrupted'));
  process.on('SIGTERM', onSignal('terminated'));
  // `cogo search … | head` closes our stdout; that is no failure of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    signal: stop.signal,
  };
}
