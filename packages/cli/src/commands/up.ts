import type { Command } from 'commander';
import { addCommand, type Host, type Run } from '../command.ts';
import { asCommandError } from '../command_error.ts';
import { createProgress } from '../progress.ts';
import { runStack, type RunningStack, type StackEvents } from '../stack_run/run_stack.ts';
import { stackRequest, withStack, type StackCliOptions } from '../stack_run/stack_options.ts';
import { stepProgress } from '../stack_run/step_progress.ts';
import { spawnUp, type UpMessage } from '../stack_run/up_process.ts';
import { urlLines } from '../session/url_lines.ts';

/** `cogo up`: the stack, in the foreground until Ctrl-C, or `--detach`ed until `cogo down`. */
export function registerUp(host: Host, root: Command): void {
  addCommand<StackCliOptions & { detach?: boolean }>(host, root, {
    name: 'up',
    about: 'start the stack: database, gateway, functions, worker, dashboard',
    options: (command) =>
      withStack(command)
        .option(
          '--allow-repo <path...>',
          'folders whose repositories the worker may build (default: this one)',
        )
        .option('--detach', 'run in the background; `cogo down` ends it')
        .option('--no-functions', 'without the functions')
        .option('--no-worker', 'without the worker')
        .option('--no-dashboard', 'without the dashboard'),
    action: async (run, options) => {
      const request = stackRequest(run.io, options);
      const onStep = stepProgress(run.progress);
      if (options.detach) {
        const up = await spawnUp(request, {
          onMessage: showMessages(run, onStep),
          signal: run.io.signal,
          detached: true,
        });
        const { stack, timings } = up;
        return {
          json: { ok: true, pid: stack.pid, urls: stack.urls, timings },
          text: `${urlLines(stack)}\nRunning in the background (pid ${stack.pid}). Stop it with: cogo down`,
        };
      }
      const parent = parentReport(run.io.env);
      const stop = new AbortController();
      const onSignal = () => stop.abort(run.io.signal.reason);
      if (run.io.signal.aborted) onSignal();
      run.io.signal.addEventListener('abort', onSignal, { once: true });
      parent?.onGone(() => stop.abort('terminated'));
      let stack: RunningStack;
      try {
        stack = await runStack(request, parent?.events ?? shownEvents(run, onStep), stop.signal);
      } catch (error) {
        parent?.failed(error);
        throw error;
      }
      parent?.ready(stack);
      // A document per command: under --json it tells that the stack is up, and the process stays.
      const ready = { ok: true, pid: process.pid, urls: stack.stack.urls, timings: stack.timings };
      if (run.json) run.io.stdout.write(`${JSON.stringify(ready, null, 2)}\n`);
      else run.say(`${urlLines(stack.stack)}\nPress Ctrl-C to stop.\n`);
      await aborted(stop.signal);
      const step = run.progress.step('stop');
      await stack.stop();
      step.done();
      // An open channel would keep this process alive.
      if (process.connected) process.disconnect();
      return { json: undefined, exit: stop.signal.reason === 'interrupted' ? 130 : 0 };
    },
  });
}

function shownEvents(run: Run, onStep: StackEvents['step']): StackEvents {
  return { step: onStep, crash: (line) => run.progress.line(line) };
}

/** Shows what a stack in another process tells. */
export function showMessages(run: Run, onStep: StackEvents['step']): (message: UpMessage) => void {
  return (message) => {
    if (message.type === 'step') onStep(message);
    if (message.type === 'crash') createProgress(run.io).line(message.line);
  };
}

/** When another `cogo` started us: tells it what happens, and hears when it is gone. */
function parentReport(env: NodeJS.ProcessEnv) {
  const mode = env['COGO_UP_REPORT'];
  // Said to us alone: our children are not to take themselves for it.
  delete env['COGO_UP_REPORT'];
  if (!process.send || (mode !== 'attached' && mode !== 'detached')) return undefined;
  const send = (message: UpMessage) => {
    if (process.connected) process.send?.(message, () => {});
  };
  const events: StackEvents = {
    step: (step) => send({ type: 'step', ...step }),
    crash: (line) => {
      console.error(line);
      send({ type: 'crash', line });
    },
  };
  let up = false;
  return {
    events,
    ready: ({ stack, timings }: RunningStack) => {
      up = true;
      send({ type: 'ready', stack, timings });
    },
    failed(error: unknown) {
      const { code, what, why, todo, exit } = asCommandError(error);
      send({
        type: 'failed',
        error: { code, what, exit, ...(why ? { why } : {}), ...(todo ? { todo } : {}) },
      });
    },
    // A detached stack outlives the process that waited for it to be up.
    onGone: (stop: () => void) => process.on('disconnect', () => (mode === 'attached' || !up) && stop()),
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
