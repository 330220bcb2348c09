// One wake-up of an edge consumer, from its ring to its leaving:
//
//   claim -> work, step by step -> nothing left -> leave
//     any of it, when 60 % of a limit is used or the runtime ends -> hand back -> leave
//   leave: stopped, then the bell once more for what is left
import type { ArtifactStore } from '@cogo/client/artifact_store.ts';
import { payloadLoader } from '@cogo/client/stored_payload.ts';
import type { CallRpc } from '@cogo/spec/rpc.ts';
import type { Result } from '@cogo/spec/result.ts';
import type { ExecutorInfo, WorkerLink } from '../client/worker_link.ts';
import type { Clock } from '../clock.ts';
import type { WorkerLog } from '../log.ts';
import type { RunSummary } from '../loop/core.ts';
import { runLoops } from '../loop/worker.ts';
import { DEFAULT_POLICY } from '../policy.ts';
import { busyMeter } from './busy_meter.ts';
import { planExecutor } from './executor.ts';
import type { PlanHandler } from './handler.ts';

export interface EdgeLimits {
  /** Milliseconds a request may take until the runtime ends it. */
  wallMs: number;
  /** Milliseconds of CPU a request may use; null: no limit here. */
  cpuMs: number | null;
}

/** Share of a limit after which work is handed back: what runs may still end its call, and the rest is for the hand-over. */
export const LIMIT_SHARE = 0.6;
export const EDGE_SLOTS = 4;
/** Short, so that the work of a consumer that was killed goes on soon: dead after three beats. */
export const EDGE_LEASE_S = 10;
export const EDGE_BEAT_S = 4;
/** While it has a slot free it looks this often: nobody rings a consumer that is awake. */
const POLL_MS = 500;

export interface EdgeConsumer {
  link: WorkerLink;
  rpc: CallRpc;
  /** Where artifacts and large payloads lie; null where none is configured. */
  store: ArtifactStore | null;
  info: ExecutorInfo;
  handlers: readonly PlanHandler[];
  limits: EdgeLimits;
  /** The runtime is about to end. */
  ending?: AbortSignal;
  log: WorkerLog;
  clock: Clock;
}

export type EdgeEnd = 'idle' | 'wall' | 'cpu' | 'ending';

/** Works until nothing is left or a limit is near. Never rejects. */
export async function consume(o: EdgeConsumer): Promise<Result<RunSummary & { end: EdgeEnd }>> {
  const { link, limits, log, store } = o;
  const stop = new AbortController();
  let end: EdgeEnd = 'idle';
  const stopFor = (why: EdgeEnd) => {
    if (stop.signal.aborted) return;
    end = why;
    stop.abort();
  };
  const over = new AbortController();
  void o.clock
    .sleep(limits.wallMs * LIMIT_SHARE, over.signal)
    .then(() => over.signal.aborted || stopFor('wall'));
  const meter = limits.cpuMs === null ? null : busyMeter();
  const onEnding = () => stopFor('ending');
  if (o.ending?.aborted) onEnding();
  o.ending?.addEventListener('abort', onEnding, { once: true });
  const done = await runLoops({
    link,
    info: o.info,
    slots: o.info.slots,
    leaseS: EDGE_LEASE_S,
    includeTypes: o.handlers.map((handler) => handler.type),
    executor: (type) => {
      const handler = o.handlers.find((item) => item.type === type);
      return handler ? planExecutor(handler, o.rpc, store) : null;
    },
    loadPayload: payloadLoader(store),
    signal: stop.signal,
    log,
    clock: o.clock,
    random: Math.random,
    once: true,
    policy: () => DEFAULT_POLICY,
    wake: (bells) => {
      const timer = setInterval(() => {
        if (meter && meter.ms() >= limits.cpuMs! * LIMIT_SHARE) stopFor('cpu');
        bells.work();
      }, POLL_MS);
      return () => clearInterval(timer);
    },
  });
  meter?.stop();
  over.abort();
  o.ending?.removeEventListener('abort', onEnding);
  const rung = await o.rpc.call<boolean>('ring_doorbell');
  if (!rung.ok) log('warn', `could not ring: ${rung.error.message}`, { code: rung.error.code });
  return done.ok ? { ok: true, value: { ...done.value, end } } : done;
}
