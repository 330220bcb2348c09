import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { monotonicClock, type Clock } from '../clock.ts';
import { openCgroup } from './cgroup.ts';
import { folderBytes, freeBytes } from './disk.ts';
import { MARK } from './environment.ts';
import type { Limits, Violation } from './limits.ts';
import { OutputCapture, type CapturedOutput } from './output.ts';
import { kill, marked, treeUsage } from './process_tree.ts';
import type { CommandSpec, Launch, Sandbox, Workspace } from './sandbox.ts';

export interface CommandResult {
  /** Null when a signal ended it or it never started. */
  exitCode: number | null;
  signal: string | null;
  ms: number;
  violation: Violation | null;
  /** One sentence about the violation. */
  detail: string | null;
  stdout: CapturedOutput;
  stderr: CapturedOutput;
  /** Both streams in the order they came, for the log file. */
  combined: CapturedOutput;
  /** Highest sampled use; null where the system does not tell. */
  peak: { processes: number; memoryBytes: number } | null;
}

const STREAM_TAIL = 64 * 1024;
const LOG_HEAD = 256 * 1024;
const LOG_TAIL = 1024 * 1024;
const SAMPLE_MS = 250;
/** Every so many samples the disk is looked at. */
const DISK_EVERY = 8;
/** How long pipes may stay open after everything was killed. */
const PIPE_GRACE_MS = 2_000;

/**
 * Runs one command in a workspace and sees to its end: by itself, by a limit or by `signal`; in every case nothing of
 * it is left running. Never rejects.
 */
export async function runCommand(
  command: CommandSpec,
  workspace: Workspace,
  sandbox: Sandbox,
  clock: Clock = monotonicClock,
): Promise<CommandResult> {
  const mark = randomUUID();
  const launch = sandbox.launch(command, workspace, mark);
  const stray = sandbox.kind === 'none' ? mark : null;
  const stdout = new OutputCapture({ headBytes: 0, tailBytes: STREAM_TAIL });
  const stderr = new OutputCapture({ headBytes: 0, tailBytes: STREAM_TAIL });
  const combined = new OutputCapture({ headBytes: LOG_HEAD, tailBytes: LOG_TAIL });
  const started = clock.now();
  let violation: Violation | null = null;
  let detail: string | null = null;
  let peak: CommandResult['peak'] = null;
  const result = (exitCode: number | null, signal: string | null): CommandResult => ({
    exitCode,
    signal,
    ms: Math.round(clock.now() - started),
    violation,
    detail,
    stdout: stdout.read(),
    stderr: stderr.read(),
    combined: combined.read(),
    peak,
  });
  if (command.signal?.aborted) {
    violation = 'stopped';
    return result(null, null);
  }

  const group = openCgroup(mark, command.limits);
  const { file, args } = group?.wrap(launch.file, launch.args) ?? launch;
  const child = spawn(file, args, {
    cwd: launch.cwd,
    env: launch.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', launch.status ? 'pipe' : 'ignore'],
  });
  const over = new AbortController();
  const end = (why: Violation, text: string) => {
    if (violation !== null || over.signal.aborted) return;
    violation = why;
    detail = text;
    killAll(child, stray);
  };
  const watch = (stream: 'stdout' | 'stderr', capture: OutputCapture) =>
    child[stream]!.on('data', (chunk: Buffer) => {
      capture.push(chunk);
      combined.push(chunk);
      command.onOutput?.(stream, chunk);
      const limit = command.limits.outputBytes;
      if (combined.bytes > limit) end('output', `wrote more than ${limit} bytes`);
    });
  watch('stdout', stdout);
  watch('stderr', stderr);
  const status = launch.status ? readAll(child.stdio[3] as Readable) : Promise.resolve('');
  const onStop = () => end('stopped', 'the worker was told to stop it');
  command.signal?.addEventListener('abort', onStop, { once: true });
  const { wallMs } = command.limits;
  void clock.sleep(wallMs, over.signal).then(() => end('wall_time', `ran longer than ${wallMs / 1000} s`));
  void sample(child, launch, command.limits, workspace, clock, over.signal, end, (use) => {
    peak = use;
  });

  const exit = await exited(child);
  command.signal?.removeEventListener('abort', onStop);
  killAll(child, stray);
  over.abort();
  const closed = new AbortController();
  child.once('close', () => closed.abort());
  if (!('error' in exit) && !isClosed(child)) await clock.sleep(PIPE_GRACE_MS, closed.signal);
  for (const stream of child.stdio) stream?.destroy();
  const outOfMemory = group?.outOfMemory() ?? false;
  if (group?.refusedTasks()) {
    violation ??= 'processes';
    detail ??= `tried to have more than ${command.limits.processes * 8} processes and threads`;
  }
  await group?.remove(clock);

  if ('error' in exit) {
    violation ??= exit.error.code === 'ENOENT' && !launch.status ? 'command_not_found' : 'sandbox_failed';
    detail ??= `${launch.file}: ${exit.error.message}`;
    return result(null, null);
  }
  const ended = interpret(exit, launch.status ? await status : null);
  if (ended.failed && violation === null) {
    violation = 'sandbox_failed';
    detail = stderr.read(2_000).text.trim().split('\n').at(-1) ?? null;
  }
  if (violation === null && outOfMemory) {
    violation = 'memory';
    detail = `used more than ${command.limits.memoryBytes} bytes of memory`;
  }
  if (violation === null && ended.signal === 'SIGXCPU') {
    violation = 'cpu_time';
    detail = `used more than ${command.limits.cpuMs / 1000} s of CPU time`;
  }
  if (violation === null && ended.signal === 'SIGXFSZ') {
    violation = 'file_size';
    detail = `wrote a file larger than ${command.limits.fileBytes} bytes`;
  }
  if (violation === null && ended.exitCode === 127) {
    violation = 'command_not_found';
    detail = stderr.read(500).text.trim().split('\n').at(-1) || `${command.argv[0]} was not found`;
  }
  return result(ended.exitCode, ended.signal);
}

type Exit = { code: number | null; signal: NodeJS.Signals | null } | { error: NodeJS.ErrnoException };

function exited(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ error }));
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
}

function isClosed(child: ChildProcess): boolean {
  return child.stdio.every((stream) => !stream || stream.destroyed || (stream as Readable).readableEnded);
}

async function readAll(stream: Readable): Promise<string> {
  let text = '';
  try {
    for await (const chunk of stream) text += String(chunk);
  } catch {
    // Destroyed after the grace: what came before is what there is.
  }
  return text;
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
function interpret(
  exit: { code: number | null; signal: string | null },
  status: string | null,
): { exitCode: number | null; signal: string | null; failed: boolean } {
  if (exit.signal !== null) return { exitCode: null, signal: exit.signal, failed: false };
  const failed = status !== null && !status.includes('"exit-code"');
  const name = exit.code !== null && exit.code > 128 ? SIGNAL_NAMES.get(exit.code - 128) : undefined;
  if (name && status !== null) return { exitCode: null, signal: name, failed };
  return { exitCode: exit.code, signal: null, failed };
}

/**
 * Under bubblewrap (`mark` null) the end of its first process ends the PID namespace and all in it, however many. Without,
 * it takes the group, everything below it by parentage, and what daemonised away but kept the mark, until none is left.
 */
function killAll(child: ChildProcess, mark: string | null): void {
  if (child.pid === undefined) return;
  if (mark === null) {
    kill(-child.pid);
    return;
  }
  const tree = treeUsage(child.pid)?.pids ?? [];
  kill(-child.pid);
  for (const pid of tree) kill(pid);
  for (let round = 0; round < 5; round++) {
    const left = marked(MARK, mark);
    if (left.length === 0) break;
    for (const pid of left) kill(pid);
  }
}

/** Looks at the tree and the disk at intervals: what the kernel does not limit by itself, or not for root. */
async function sample(
  child: ChildProcess,
  launch: Launch,
  limits: Limits,
  workspace: Workspace,
  clock: Clock,
  over: AbortSignal,
  end: (why: Violation, text: string) => void,
  report: (peak: { processes: number; memoryBytes: number }) => void,
): Promise<void> {
  const freeAtStart = await freeBytes(workspace.dir).catch(() => null);
  const peak = { processes: 0, memoryBytes: 0 };
  for (let n = 1; !over.aborted; n++) {
    await clock.sleep(SAMPLE_MS, over);
    if (over.aborted || child.pid === undefined) return;
    const use = treeUsage(child.pid, limits.processes + launch.overhead);
    if (use) {
      const processes = Math.max(0, use.pids.length - launch.overhead);
      peak.processes = Math.max(peak.processes, processes);
      peak.memoryBytes = Math.max(peak.memoryBytes, use.rssBytes);
      report({ ...peak });
      if (processes > limits.processes)
        end('processes', `had ${processes} processes, allowed ${limits.processes}`);
      if (use.rssBytes > limits.memoryBytes) {
        end('memory', `used ${use.rssBytes} bytes of memory, allowed ${limits.memoryBytes}`);
      }
      if (use.cpuMs > limits.cpuMs) end('cpu_time', `used more than ${limits.cpuMs / 1000} s of CPU time`);
    }
    if (freeAtStart !== null && n % DISK_EVERY === 0) {
      // The file system's own count is cheap; only when it moved that much is the folder measured.
      const lost = freeAtStart - (await freeBytes(workspace.dir).catch(() => freeAtStart));
      if (lost > limits.diskBytes && (await folderBytes(workspace.dir)) > limits.diskBytes) {
        end('disk', `the workspace grew beyond ${limits.diskBytes} bytes`);
      }
    }
  }
}
