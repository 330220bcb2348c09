import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { monotonicClock, type Clock } from '../clock.ts';
import type { Attempt } from './attempts.ts';
import { AttemptLog } from './attempt_log.ts';
import { openCgroup } from './cgroup.ts';
import { interpret, launcherPid, limitBehind } from './ending.ts';
import { MARK } from './environment.ts';
import type { Violation } from './limits.ts';
import { openWayOut, type WayOut } from './network/way_out.ts';
import { OutputCapture, type CapturedOutput } from './output.ts';
import { kill, marked, revived, treeUsage } from './process_tree.ts';
import { sample } from './sampling.ts';
import type { CommandSpec, Sandbox, Workspace } from './sandbox.ts';
import { WATCH_FD } from './watch.ts';

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
  /** The same as the command wrote it: its bytes, whatever they are. */
  raw: Buffer;
  /** What it tried to get out of the sandbox; all of it was refused. */
  attempts: Attempt[];
  /** Highest sampled use; null where the system does not tell. */
  peak: { processes: number; memoryBytes: number } | null;
}

const STREAM_TAIL = 64 * 1024;
const LOG_HEAD = 256 * 1024;
const LOG_TAIL = 1024 * 1024;
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
  const stdout = new OutputCapture({ headBytes: 0, tailBytes: STREAM_TAIL });
  const stderr = new OutputCapture({ headBytes: 0, tailBytes: STREAM_TAIL });
  const combined = new OutputCapture({ headBytes: LOG_HEAD, tailBytes: LOG_TAIL });
  const started = clock.now();
  const attempts = new AttemptLog();
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
    raw: combined.bytesKept(),
    attempts: attempts.read(),
    peak,
  });
  const stopped = (why: Violation, text: string | null) => {
    violation = why;
    detail = text;
    return result(null, null);
  };
  if (command.signal?.aborted) return stopped('stopped', null);
  let wayOut: WayOut | null = null;
  if (command.network && command.network.length > 0 && sandbox.kind !== 'none') {
    const got = await openWayOut(command.network, (target, why) =>
      attempts.add('network', `${target}: ${why}`),
    );
    if (!got.ok) return stopped('sandbox_failed', got.error.message);
    wayOut = got.value;
  }

  const mark = randomUUID();
  const launch = sandbox.launch(command, workspace, mark, wayOut?.socket ?? null);
  const stray = sandbox.kind === 'none' ? mark : null;
  const group = openCgroup(mark, command.limits);
  const { file, args } = group?.wrap(launch.file, launch.args) ?? launch;
  const child = spawn(file, args, {
    cwd: launch.cwd,
    env: { ...command.env, ...launch.env },
    detached: true,
    stdio: [
      'ignore',
      'pipe',
      'pipe',
      launch.status ? 'pipe' : 'ignore',
      ...(launch.inside ? (['pipe'] as const) : []),
    ],
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
  let said: string | null = launch.status ? '' : null;
  const status = launch.status
    ? readAll(child.stdio[3] as Readable, (text) => {
        said += text;
      })
    : null;
  const told = launch.inside
    ? readAll(child.stdio[WATCH_FD] as Readable, (text) => attempts.push(text, launch.inside!))
    : null;
  const onStop = () => end('stopped', 'the worker was told to stop it');
  command.signal?.addEventListener('abort', onStop, { once: true });
  const { wallMs } = command.limits;
  void clock.sleep(wallMs, over.signal).then(() => end('wall_time', `ran longer than ${wallMs / 1000} s`));
  void sample(child, launch, command.limits, workspace, clock, over.signal, end, (use) => {
    peak = use;
    const supervisor = launcherPid(said);
    if (launch.inside && supervisor !== null && revived(supervisor)) {
      attempts.add('signal', 'SIGSTOP to the supervisor');
    }
  });

  const exit = await exited(child);
  command.signal?.removeEventListener('abort', onStop);
  killAll(child, stray);
  over.abort();
  const closed = new AbortController();
  child.once('close', () => closed.abort());
  if (!('error' in exit) && !isClosed(child)) await clock.sleep(PIPE_GRACE_MS, closed.signal);
  for (const stream of child.stdio) stream?.destroy();
  await told;
  await wayOut?.close();
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
  await status;
  attempts.close(launcherPid(said));
  const ending = interpret(exit, said);
  if (violation === null) {
    attempts.ended(ending.signal === 'SIGKILL');
    const seen = { outOfMemory, stderrTail: stderr.read(2_000).text, command: command.argv[0]! };
    const limit = limitBehind(ending, command.limits, seen);
    violation = limit?.violation ?? null;
    detail = limit?.detail ?? null;
  }
  return result(ending.exitCode, ending.signal);
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

async function readAll(stream: Readable, take: (text: string) => void): Promise<void> {
  try {
    for await (const chunk of stream) take(String(chunk));
  } catch {
    // Destroyed after the grace: what came before is what there is.
  }
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
