import { randomUUID } from 'node:crypto';
import { hostname, platform, release } from 'node:os';
import type { ArtifactStore } from '@cogo/client/artifact_store.ts';
import { payloadLoader } from '@cogo/client/stored_payload.ts';
import type { Result } from '@cogo/spec/result.ts';
import type { CallRpc } from '@cogo/spec/rpc.ts';
import { COGO_VERSION } from '@cogo/spec/version.ts';
import { rpcWorkerLink } from '../client/worker_link.ts';
import { monotonicClock } from '../clock.ts';
import type { WorkerLog } from '../log.ts';
import { PRESENCE_MS, type RunSummary, type Wake } from '../loop/core.ts';
import { runLoops } from '../loop/worker.ts';
import { DEFAULT_POLICY } from '../policy.ts';
import { planExecutor } from './executor.ts';
import type { PlanHandler } from './handler.ts';
import { PLAN_HANDLERS } from './handlers.ts';

export interface PlanOptions {
  rpc: CallRpc;
  /** Where artifacts and large payloads lie; with the secret key when `rpc` has it. */
  store?: ArtifactStore;
  /** Whether `rpc` and `store` hold the secret key; without it, jobs of the server's own are left to others. */
  server: boolean;
  /** Begins with `cogo-plan`. */
  executorId: string;
  /** Jobs at once. */
  slots: number;
  /** Exact types or prefixes ending in `.*`, of those there is a handler for; null: all of them. */
  includeTypes: string[] | null;
  signal: AbortSignal;
  log: WorkerLog;
  wake: Wake | null;
  /** Work off what is ready, then return. */
  once: boolean;
  handlers?: readonly PlanHandler[];
}

/**
 * Serves the lanes of `cogo-plan` on a server, with the handlers of the edge consumer and without its limits; while it has a slot
 * free, no edge consumer is rung. Runs until `signal` aborts or an error no retry mends. Never rejects.
 */
export async function runPlan(o: PlanOptions): Promise<Result<RunSummary>> {
  const handlers = (o.handlers ?? PLAN_HANDLERS).filter(
    ({ type, server }) =>
      (o.server || !server) &&
      (o.includeTypes === null || o.includeTypes.some((wanted) => covers(wanted, type))),
  );
  const { store } = o;
  const types = handlers.map(({ type }) => type);
  o.log('info', `worker ${o.executorId} starts`, { version: COGO_VERSION, slots: o.slots, types });
  return runLoops({
    link: rpcWorkerLink(o.rpc, o.executorId),
    info: {
      kind: 'cogo-plan',
      version: COGO_VERSION,
      slots: o.slots,
      types,
      sandbox: 'none',
      host: hostname(),
      platform: `${platform()} ${release()} node ${process.version}`,
      instance: randomUUID(),
      beatS: PRESENCE_MS / 1000,
    },
    slots: o.slots,
    leaseS: 30,
    includeTypes: types,
    policy: () => DEFAULT_POLICY,
    executor: (type) => {
      const handler = handlers.find((item) => item.type === type);
      return handler ? planExecutor(handler, o.rpc, store ?? null) : null;
    },
    loadPayload: payloadLoader(store),
    signal: o.signal,
    log: o.log,
    clock: monotonicClock,
    random: Math.random,
    once: o.once,
    wake: o.wake,
  });
}

export function covers(wanted: string, type: string): boolean {
  return wanted.endsWith('.*') ? type.startsWith(wanted.slice(0, -1)) : wanted === type;
}
