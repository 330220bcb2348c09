import { spawnSync } from 'node:child_process';
import { which } from './which.ts';

/** strace, which sees what a sandboxed command tried and was refused; it stands outside the sandbox, out of its reach. */
export interface Watcher {
  /** Absolute path of strace. */
  file: string;
  version: string;
}

/** Calls by which something leaves a sandbox, or would. `?`: not on every architecture. */
const CALLS = [
  ...['openat', '?openat2', '?open', '?creat', '?truncate', '?mknod', 'mknodat'],
  ...[
    '?link',
    'linkat',
    '?symlink',
    'symlinkat',
    '?rename',
    '?renameat',
    '?renameat2',
    '?unlink',
    'unlinkat',
  ],
  ...['?mkdir', 'mkdirat', '?rmdir', '?chmod', 'fchmodat', '?chown', '?lchown', 'fchownat'],
  ...['connect', 'kill', '?tkill', '?tgkill', 'ioctl'],
  ...[
    'ptrace',
    'process_vm_readv',
    'process_vm_writev',
    'mount',
    'umount2',
    'pivot_root',
    'unshare',
    'setns',
  ],
  ...['?bpf', 'keyctl', 'add_key', 'init_module', 'finit_module', 'reboot', 'swapon', 'perf_event_open'],
];

/** Where the watcher writes: a file descriptor that only it has. */
export const WATCH_FD = 4;

/**
 * Puts a command under watch. Only calls of the list stop it (a seccomp filter decides that in the kernel), and only
 * those that failed are told.
 */
export function watched(watcher: Watcher, file: string, args: string[]): { file: string; args: string[] } {
  const options = [
    '-f',
    '--seccomp-bpf',
    '-Z',
    '-y',
    '-q',
    '-e',
    'signal=SIGKILL',
    '-e',
    `trace=${CALLS.join(',')}`,
  ];
  return {
    file: watcher.file,
    args: [
      ...options,
      // A file could not be bounded: a pipe makes a command that fails a million times wait.
      ...['-o', `|exec cat >&${WATCH_FD}`],
      ...['--', '/bin/sh', '-c', `exec "$@" ${WATCH_FD}>&-`, 'sh', file, ...args],
    ],
  };
}

/** Finds a strace that works here; some containers forbid ptrace, and before 5.3 it had no filter in the kernel. */
export function probeWatcher(path = process.env['PATH'] ?? ''): Watcher | null {
  const file = which('strace', path);
  if (process.platform !== 'linux' || !file) return null;
  const version = /version (\S+)/.exec(
    spawnSync(file, ['--version'], { encoding: 'utf8', timeout: 5_000 }).stdout ?? '',
  );
  if (!version) return null;
  const watcher = { file, version: version[1]! };
  const command = watched(watcher, '/bin/sh', ['-c', 'true < /no/such/file || exit 7']);
  const run = spawnSync(command.file, command.args, {
    encoding: 'utf8',
    timeout: 10_000,
    stdio: ['ignore', 'pipe', 'pipe', 'ignore', 'pipe'],
  });
  const told = String(run.output?.[WATCH_FD] ?? '');
  return run.status === 7 && told.includes('/no/such/file') ? watcher : null;
}
