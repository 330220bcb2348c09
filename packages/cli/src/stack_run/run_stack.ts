import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Rpc } from '@cogo/client/rpc.ts';
import type { Keys, StackFile } from '@cogo/client/stack_file.ts';
import { choosePort, DEFAULT_PORTS } from '@cogo/stack/place/ports.ts';
import { writePrivate } from '@cogo/stack/place/private_file.ts';
import { CommandError } from '../command_error.ts';
import { INSTALL_ROOT } from '../install.ts';
import { ensureProject } from '../session/connect.ts';
import { supervise, type Supervised } from '../supervise/child.ts';
import { embedderEnvironment } from '../session/embedders.ts';
import { unwrap } from '../unwrap.ts';
import { metricsChild, workerChild } from './children.ts';

export interface StackRequest {
  dir: string;
  dbUrl?: string;
  /** Ports wished for; a taken one is named and the next free one is used. */
  ports: { gateway?: number; db?: number; studio?: number; dashboard?: number };
  /** Slug of the project whose jobs the worker runs; made when it is missing. */
  project: string;
  /** Folders whose repositories the worker may build. */
  allowRepos: string[];
  functions: boolean;
  worker: boolean;
  dashboard: boolean;
}

export interface StackEvents {
  /** A step of the start: `ms` when it is over. */
  step(step: { name: string; ms?: number; note?: string }): void;
  /** A child ended by itself and is started again. */
  crash(line: string): void;
}

export interface RunningStack {
  stack: StackFile;
  keys: Keys;
  rpc: Rpc;
  /** Milliseconds by step, `total` among them. */
  timings: Record<string, number>;
  stop(): Promise<void>;
}

const READY_MS = 15_000;

/** Starts the whole stack in this process and its children. Throws CommandError; what was started is stopped again. */
export async function runStack(
  o: StackRequest,
  events: StackEvents,
  signal: AbortSignal,
): Promise<RunningStack> {
  const began = performance.now();
  // The stack stops by itself when its signal aborts; once it runs, the children must end before it does.
  const starting = new AbortController();
  const interrupt = () => starting.abort(signal.reason);
  if (signal.aborted) interrupt();
  signal.addEventListener('abort', interrupt, { once: true });
  // The functions get their embedders by the environment; those of the repository's cogo.config.json are put there.
  Object.assign(process.env, embedderEnvironment({ cwd: process.cwd(), env: process.env }));
  const { startStack } = await import('@cogo/stack/start.ts');
  const stack = unwrap(
    await startStack({
      dataDir: o.dir,
      root: INSTALL_ROOT,
      ports: o.ports,
      functions: o.functions,
      reload: true,
      onProgress: events.step,
      signal: starting.signal,
      ...(o.dbUrl ? { dbUrl: o.dbUrl } : {}),
    }),
    'start the stack',
  );
  signal.removeEventListener('abort', interrupt);
  const timings: Record<string, number> = { ...stack.timings };
  const children: Supervised[] = [];
  const onCrash = ({
    name,
    code,
    signal: by,
    restartInMs,
  }: {
    name: string;
    code: number | null;
    signal: string | null;
    restartInMs: number | undefined;
  }) =>
    events.crash(
      `${name} ended (${by ?? `exit code ${code}`}); it ${restartInMs === undefined ? 'stays ended' : `starts again in ${restartInMs} ms`}, see ${join(o.dir, 'logs', `${name}.log`)}`,
    );
  const stop = async () => {
    await Promise.all(children.map((child) => child.stop()));
    await stack.stop();
  };
  try {
    const project = await ensureProject(stack.rpc, o.project);
    const gateway = stack.urls.gateway;
    if (o.dashboard) {
      const port = await dashboardPort(o.ports.dashboard, events);
      const url = `http://127.0.0.1:${port}`;
      await timed('dashboard', async () => {
        children.push(
          supervise(
            metricsChild({
              dir: o.dir,
              gateway,
              secretKey: stack.keys.secret_key,
              port,
              studio: stack.urls.studio,
              functions: o.functions,
            }),
            { onCrash },
          ),
        );
        await untilAnswers(`${url}/healthz`, signal);
      });
      recordDashboard(o.dir, url, port);
    }
    if (o.worker) {
      await timed('worker', async () => {
        const child = await workerChild({
          dir: o.dir,
          gateway,
          publishableKey: stack.keys.publishable_key,
          rpc: stack.rpc,
          project,
          allowRepos: o.allowRepos,
        });
        children.push(supervise(child, { onCrash }));
      });
    }
  } catch (error) {
    await stop();
    throw error;
  }
  timings['total'] = Math.round(performance.now() - began);
  const file = JSON.parse(readFileSync(join(o.dir, 'stack.json'), 'utf8')) as StackFile;
  return { stack: file, keys: stack.keys, rpc: stack.rpc, timings, stop };

  async function timed(name: string, work: () => Promise<void>): Promise<void> {
    const from = performance.now();
    events.step({ name });
    await work();
    const ms = Math.round(performance.now() - from);
    timings[name] = ms;
    events.step({ name, ms });
  }
}

async function dashboardPort(asked: number | undefined, events: StackEvents): Promise<number> {
  const { port, taken } = await choosePort(asked ?? DEFAULT_PORTS.dashboard, new Set());
  if (taken !== undefined) {
    events.step({
      name: 'dashboard port',
      ms: 0,
      note: `${taken} is taken, using the next free one, ${port}`,
    });
  }
  return port;
}

async function untilAnswers(url: string, signal: AbortSignal): Promise<void> {
  const until = performance.now() + READY_MS;
  for (;;) {
    signal.throwIfAborted();
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(1000) });
      await answer.body?.cancel();
      if (answer.ok) return;
    } catch {
      // It is still starting.
    }
    if (performance.now() > until) {
      throw new CommandError({
        code: 'timeout',
        what: `${url} did not answer within ${READY_MS / 1000} s.`,
        todo: 'see `cogo logs metrics`',
      });
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The stack wrote `stack.json` before the dashboard was up. */
function recordDashboard(dir: string, url: string, port: number): void {
  const path = join(dir, 'stack.json');
  const file = JSON.parse(readFileSync(path, 'utf8')) as StackFile;
  file.urls.dashboard = `${url}/dashboard/local`;
  file.ports.dashboard = port;
  writePrivate(path, `${JSON.stringify(file, null, 2)}\n`);
}
