import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { join } from 'node:path';
import type { StackFile } from '@cogo/client/stack_file.ts';
import { CommandError, interrupted } from '../command_error.ts';
import { BINS } from '../install.ts';
import { openLog } from '../supervise/child.ts';
import type { StackRequest } from './run_stack.ts';

/** What `cogo up` tells the process that started it, over IPC. */
export type UpMessage =
  | { type: 'step'; name: string; ms?: number; note?: string }
  | { type: 'crash'; line: string }
  | { type: 'ready'; stack: StackFile; timings: Record<string, number> }
  | { type: 'failed'; error: { code: string; what: string; why?: string; todo?: string; exit: number } };

export interface UpProcess {
  stack: StackFile;
  timings: Record<string, number>;
  /** Ends the stack in good order. */
  stop(): Promise<void>;
  /** Resolves when the process has ended, for whatever reason. */
  ended: Promise<void>;
}

const STOP_GRACE_MS = 15_000;

/**
 * Runs the stack in a process of its own, so that the gateway's event loop is not shared with indexing. Attached: it ends
 * when we do, however we end (the IPC channel closes). Detached: it goes on after us.
 */
export async function spawnUp(
  o: StackRequest,
  events: { onMessage: (message: UpMessage) => void; signal: AbortSignal; detached: boolean },
): Promise<UpProcess> {
  const log = openLog(join(o.dir, 'logs', 'up.log'));
  const child = spawn(process.execPath, [BINS.cogo, ...upArguments(o)], {
    env: {
      ...process.env,
      COGO_UP_REPORT: events.detached ? 'detached' : 'attached',
      COGO_DATA: o.dir,
      // In the environment, for a URL holds a password and a command line is public.
      ...(o.dbUrl ? { COGO_DB: o.dbUrl } : {}),
    },
    stdio: ['ignore', log, log, 'ipc'],
    // Its own process group in both cases: Ctrl-C is ours to handle, and is passed on in good order.
    detached: true,
  });
  closeSync(log);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    const kill = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
    await ended;
    clearTimeout(kill);
  };
  try {
    const ready = await untilReady(child, events.onMessage, events.signal, o.dir);
    if (events.detached) {
      child.disconnect();
      child.unref();
    }
    return { ...ready, stop, ended };
  } catch (error) {
    await stop();
    throw error;
  }
}

function untilReady(
  child: ChildProcess,
  onMessage: (message: UpMessage) => void,
  signal: AbortSignal,
  dir: string,
): Promise<{ stack: StackFile; timings: Record<string, number> }> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(interrupted());
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    child.on('message', (raw) => {
      const message = raw as UpMessage;
      onMessage(message);
      if (message.type === 'ready') resolve(message);
      if (message.type === 'failed')
        reject(new CommandError({ ...message.error, exit: message.error.exit === 2 ? 2 : 1 }));
    });
    child.once('error', (error) => reject(ended(error.message)));
    child.once('exit', (code, by) => reject(ended(by ?? `exit code ${code}`)));
    function ended(why: string): CommandError {
      return new CommandError({
        code: 'internal',
        what: 'The stack ended while it was starting.',
        why,
        todo: `see ${join(dir, 'logs', 'up.log')}, or \`cogo doctor\``,
      });
    }
  });
}

function upArguments(o: StackRequest): string[] {
  const args = ['up', '--data', o.dir, '--project', o.project];
  if (o.ports.gateway !== undefined) args.push('--port', String(o.ports.gateway));
  if (o.ports.db !== undefined) args.push('--db-port', String(o.ports.db));
  if (o.ports.studio !== undefined) args.push('--studio-port', String(o.ports.studio));
  if (o.ports.dashboard !== undefined) args.push('--dashboard-port', String(o.ports.dashboard));
  for (const path of o.allowRepos) args.push('--allow-repo', path);
  if (!o.functions) args.push('--no-functions');
  if (!o.worker) args.push('--no-worker');
  if (!o.dashboard) args.push('--no-dashboard');
  return args;
}
