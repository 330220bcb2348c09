// The edge consumer of the lanes of cogo-plan. The doorbell (sql/jobs: ring_doorbell) wakes it with a ticket that is good once; it
// answers at once and works on behind the answer, until nothing is left or a limit of the runtime is near.
import { rpcWorkerLink } from '@cogo/worker/client/worker_link.ts';
import { monotonicClock } from '@cogo/worker/clock.ts';
import { consume, EDGE_BEAT_S, EDGE_SLOTS, type EdgeLimits } from '@cogo/worker/plan/edge_consumer.ts';
import type { PlanHandler } from '@cogo/worker/plan/handler.ts';
import { PLAN_HANDLERS } from '@cogo/worker/plan/handlers.ts';
import { runConsumer } from '@cogo/spec/schemas/jobs-run.ts';
import { COGO_VERSION } from '@cogo/spec/version.ts';
import { gatewayStore, type ArtifactStore } from '@cogo/client/artifact_store.ts';
import { apiKeys } from '../_shared/api_keys.ts';
import type { Deps } from '../_shared/deps.ts';
import { createApp, type CogoApp, type GivenDeps } from '../_shared/plane.ts';

/** What a request of hosted Supabase may use. Source: supabase.com/docs/guides/functions/limits */
const HOSTED: EdgeLimits = { wallMs: 150_000, cpuMs: 2_000 };

export function makeApp(deps: GivenDeps = {}, handlers: readonly PlanHandler[] = PLAN_HANDLERS): CogoApp {
  const app = createApp({
    name: 'jobs-run',
    deps,
    configured: () => ({ types: handlers.map((handler) => handler.type).join(',') }),
  });
  return app.route(runConsumer, async (ctx) => {
    const info = {
      kind: 'cogo-plan' as const,
      version: COGO_VERSION,
      slots: EDGE_SLOTS,
      types: handlers.map((handler) => handler.type),
      sandbox: 'none',
      host: 'edge',
      platform: ctx.deps.env('COGO_PLACE') ?? 'hosted',
      instance: crypto.randomUUID(),
      beatS: EDGE_BEAT_S,
    };
    const seat = await ctx.service.call<{ executor_id: string | null }>(
      'answer_doorbell',
      { ticket: ctx.body.ticket, info: { ...info, beat_s: info.beatS } },
      { signal: ctx.signal },
    );
    if (!seat.ok) return ctx.failWith(seat.error);
    const executorId = seat.value.executor_id;
    if (executorId === null) return ctx.ok({ accepted: false, executor_id: null }, { status: 202 });
    // Not the request's signal: the bell hangs up long before the work is done.
    ctx.deps.background(work(ctx.deps, executorId, info, handlers));
    return ctx.ok({ accepted: true, executor_id: executorId }, { status: 202 });
  });
}

async function work(
  deps: Deps,
  executorId: string,
  info: Parameters<typeof consume>[0]['info'],
  handlers: readonly PlanHandler[],
): Promise<void> {
  const ending = new AbortController();
  // Supabase's runtime says so before it ends a worker; elsewhere nobody does.
  const onUnload = () => ending.abort();
  globalThis.addEventListener('beforeunload', onUnload);
  const log = (level: 'info' | 'warn' | 'error', msg: string, fields: Record<string, unknown> = {}) =>
    deps.log({ level, msg, executor_id: executorId, ...fields });
  try {
    const done = await consume({
      link: rpcWorkerLink(deps.serviceRpc, executorId),
      rpc: deps.serviceRpc,
      store: storeOf(deps),
      info,
      handlers,
      limits: limitsOf(deps.env),
      ending: ending.signal,
      log,
      clock: monotonicClock,
    });
    if (done.ok) log('info', 'consumer left', { ...done.value });
    else log('error', `consumer ended: ${done.error.message}`, { code: done.error.code });
  } catch (cause) {
    log('error', 'consumer broke', { cause });
  } finally {
    globalThis.removeEventListener('beforeunload', onUnload);
  }
}

/** The bucket of artifacts, as the server; null where the function's environment does not say where. */
function storeOf(deps: Deps): ArtifactStore | null {
  const url = deps.env('SUPABASE_URL');
  const apikey = apiKeys(deps.env).secret[0];
  return url && apikey ? gatewayStore({ url, apikey, fetch: deps.fetch }) : null;
}

/** COGO_EDGE_WALL_MS and COGO_EDGE_CPU_MS, else Supabase's; where the stack itself runs the functions no CPU is counted. */
export function limitsOf(env: Deps['env']): EdgeLimits {
  const number = (name: string) => {
    const value = Number(env(name));
    return Number.isSafeInteger(value) && value > 0 ? value : undefined;
  };
  const ours = ['embedded', 'own'].includes(env('COGO_PLACE') ?? '');
  return {
    wallMs: number('COGO_EDGE_WALL_MS') ?? HOSTED.wallMs,
    cpuMs: number('COGO_EDGE_CPU_MS') ?? (ours ? null : HOSTED.cpuMs),
  };
}

export const app = makeApp();
