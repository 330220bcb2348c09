import type { Command } from 'commander';
import { wait } from '@cogo/spec/wait.ts';
import { stackState } from '../session/running.ts';
import { addCommand, withData, type DataOption, type Host } from '../command.ts';
import { CommandError } from '../command_error.ts';
import { dataDir } from '../session/data_dir.ts';

const GRACE_MS = 15_000;

/** `cogo down`: ends the stack of the data folder. */
export function registerDown(host: Host, root: Command): void {
  addCommand<DataOption & { force?: boolean }>(host, root, {
    name: 'down',
    about: 'stop the stack; its data stays',
    options: (command) =>
      withData(command).option('--force', `kill it when it has not ended after ${GRACE_MS / 1000} s`),
    action: async (run, options) => {
      const dir = dataDir(run.io, options);
      const found = stackState(dir);
      if (found.state !== 'running') {
        const text =
          found.state === 'killed' ? 'The stack had been killed; nothing runs.' : 'No stack is running.';
        return { json: { ok: true, stopped: false }, text };
      }
      const { pid } = found.stack;
      const step = run.progress.step(`stop the stack (pid ${pid})`);
      await stopStack(dir, pid, options.force ?? false, run.io.signal);
      step.done();
      return { json: { ok: true, stopped: true, pid } };
    },
  });
}

/** SIGTERM to the stack of a data folder, and waits until it is gone. `force`: SIGKILL after the grace time. */
export async function stopStack(
  dir: string,
  pid: number,
  force: boolean,
  signal: AbortSignal,
): Promise<void> {
  signalProcess(pid, 'SIGTERM');
  const until = performance.now() + GRACE_MS;
  let killed = false;
  while (stackState(dir).state === 'running') {
    if (performance.now() > until && !killed) {
      if (!force) {
        throw new CommandError({
          code: 'timeout',
          what: `The stack (pid ${pid}) has not ended after ${GRACE_MS / 1000} s.`,
          todo: 'see `cogo logs gateway`, or `cogo down --force`; data survives that',
        });
      }
      signalProcess(pid, 'SIGKILL');
      killed = true;
    }
    signal.throwIfAborted();
    await wait(50, signal);
  }
}

function signalProcess(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH') return;
    throw new CommandError({
      code: 'forbidden',
      what: `The stack (pid ${pid}) could not be stopped.`,
      why: code ?? String(error),
      todo: 'stop it as the user who started it',
    });
  }
}
