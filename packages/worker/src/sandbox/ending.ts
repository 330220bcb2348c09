import { constants } from 'node:os';
import type { Limits, Violation } from './limits.ts';

/** How a command ended, as its launcher tells it. */
export interface Ending {
  exitCode: number | null;
  signal: string | null;
  /** The launcher itself failed before it ran the command. */
  failed: boolean;
}

/** Of two names for one number the first is the usual one (SIGABRT, not SIGIOT). */
const SIGNAL_NAMES = new Map(
  Object.entries(constants.signals)
    .reverse()
    .map(([name, n]) => [n, name]),
);

/**
 * bubblewrap and shells say 128 + n for "ended by signal n" (POSIX). Without an exit code in the status, bubblewrap
 * itself failed before it ran the command.
 */
export function interpret(
  exit: { code: number | null; signal: string | null },
  status: string | null,
): Ending {
  if (exit.signal !== null) return { exitCode: null, signal: exit.signal, failed: false };
  const failed = status !== null && !status.includes('"exit-code"');
  const name = exit.code !== null && exit.code > 128 ? SIGNAL_NAMES.get(exit.code - 128) : undefined;
  if (name && status !== null) return { exitCode: null, signal: name, failed };
  return { exitCode: exit.code, signal: null, failed };
}

/** The first process inside, which bubblewrap stays in as init; null before it was told. */
export function launcherPid(status: string | null): number | null {
  const found = /"child-pid": (\d+)/.exec(status ?? '');
  return found ? Number(found[1]) : null;
}

/** What programs print when the kernel refuses them more; many end by themselves then, with a code of their own. */
const SAID: [RegExp, Violation, (limits: Limits) => string][] = [
  [/\bEMFILE\b|Too many open files/, 'open_files', (l) => `had more than ${l.openFiles} files open`],
  [/\bEFBIG\b|File too large/, 'file_size', (l) => `wrote a file larger than ${l.fileBytes} bytes`],
  [
    /\bENOSPC\b|No space left on device/,
    'tmp_size',
    (l) => `filled the ${l.tmpBytes} bytes of its private tmp`,
  ],
];

/** The limit behind an end that no one forced; null where there is none. */
export function limitBehind(
  ending: Ending,
  limits: Limits,
  seen: { outOfMemory: boolean; stderrTail: string; command: string },
): { violation: Violation; detail: string } | null {
  const { exitCode, signal } = ending;
  if (ending.failed) {
    return { violation: 'sandbox_failed', detail: seen.stderrTail.trim().split('\n').at(-1) ?? '' };
  }
  if (seen.outOfMemory) {
    return { violation: 'memory', detail: `used more than ${limits.memoryBytes} bytes of memory` };
  }
  if (signal === 'SIGXCPU') {
    return { violation: 'cpu_time', detail: `used more than ${limits.cpuMs / 1000} s of CPU time` };
  }
  if (signal === 'SIGXFSZ') {
    return { violation: 'file_size', detail: `wrote a file larger than ${limits.fileBytes} bytes` };
  }
  if (exitCode === 127) {
    const said = seen.stderrTail.trim().split('\n').at(-1);
    return { violation: 'command_not_found', detail: said || `${seen.command} was not found` };
  }
  if (exitCode === 0) return null;
  const found = SAID.find(([pattern]) => pattern.test(seen.stderrTail));
  return found ? { violation: found[1], detail: found[2](limits) } : null;
}
