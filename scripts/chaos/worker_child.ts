// A real worker process for the chaos phases: WorkerLink and run loop of @cogo/worker, with jobs that only take time.
// argv[2]: JSON of ChildConfig. One JSON object a line on stdout: {event}.
import { randomUUID } from 'node:crypto';
import postgres from 'postgres';
import { dataApiRpc } from '@cogo/client/data_api_rpc.ts';
import { postgresRpc } from '@cogo/client/postgres_rpc.ts';
import type { Rpc } from '@cogo/client/rpc.ts';
import { type Clock, monotonicClock } from '@cogo/worker/clock.ts';
import type { Executor } from '@cogo/worker/executors/executor.ts';
import type { Wake } from '@cogo/worker/loop/core.ts';
import { runWorker } from '@cogo/worker/run.ts';

export interface ChildConfig {
  executorId: string;
  slots: number;
  leaseS: number;
  postgres?: string;
  /** Does not promise how often it will be heard of, as a caller of cogo_api need not: only its leases tell when it is gone. */
  silent?: boolean;
  gateway?: { url: string; apikey: string };
  /** Milliseconds the worker's clock jumps by, at each of these moments after the start. */
  jumps?: { afterMs: number; byMs: number }[];
}

const config = JSON.parse(process.argv[2] ?? '{}') as ChildConfig;
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

const executor: Executor = {
  type: 'code.debug',
  async run(job, context) {
    const { ms = 20 } = job.payload as { ms?: number };
    await context.clock.sleep(ms, context.signal);
    return { kind: 'finished', result: { by: config.executorId, token: job.token } };
  },
};

const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
// The harness went away: so does its worker.
process.stdin.on('end', () => stop.abort()).resume();

const rpc = config.postgres
  ? postgresRpc({ url: config.postgres, max: 4 })
  : dataApiRpc({ url: config.gateway!.url, apikey: config.gateway!.apikey });
const ended = await runWorker({
  rpc: config.silent ? unpromising(rpc) : rpc,
  executorId: config.executorId,
  slots: config.slots,
  leaseS: config.leaseS,
  includeTypes: null,
  workspaceRoot: process.cwd(),
  sandbox: 'unsafe-none',
  signal: stop.signal,
  log: (level, message, fields) => say({ event: level, message, ...fields }),
  executors: [executor],
  clock: jumping(config.jumps ?? []),
  wake: config.postgres ? notified(config.postgres, config.executorId) : null,
});
say({ event: 'ended', ...(ended.ok ? { sum: ended.value } : { error: ended.error.message }) });
await rpc.close();
process.exit(0);

/** Registers without a promise of how often it beats. */
function unpromising(rpc: Rpc): Rpc {
  return {
    ...rpc,
    call: (fn, args, o) =>
      rpc.call(
        fn,
        fn === 'register_executor'
          ? { ...args, info: { ...(args?.['info'] as object), beat_s: null } }
          : args,
        o,
      ),
  };
}

/** The doorbell as an own Postgres rings it, without the gateway in between; reconnects by itself. */
function notified(url: string, executorId: string): Wake {
  return (bells) => {
    const sql = postgres(url, { max: 1, onnotice: () => {} });
    const ear = randomUUID();
    const listening = () =>
      sql`select realtime.cogo_listen(${ear}, ${[`agents:${executorId}`]})`.catch(() => {});
    // said again at each connect, and before the two minutes of an ear are over
    sql.listen('cogo_realtime_hint', () => bells.work(), listening).catch(() => {});
    const timer = setInterval(listening, 30_000);
    return () => {
      clearInterval(timer);
      void sql.end({ timeout: 0 });
    };
  };
}

/** A clock that somebody sets: what `now` says jumps, what sleeps goes on as before. */
function jumping(jumps: { afterMs: number; byMs: number }[]): Clock {
  let offset = 0;
  for (const { afterMs, byMs } of jumps) {
    setTimeout(() => {
      offset += byMs;
      say({ event: 'jumped', by_ms: byMs });
    }, afterMs).unref();
  }
  return {
    now: () => monotonicClock.now() + offset,
    sleep: monotonicClock.sleep,
    after: monotonicClock.after,
  };
}
