// The worker of the product, with jobs that take no time: its loops, its link, its transport to an own Postgres.
import { postgresRpc } from '@cogo/client/postgres_rpc.ts';
import { rpcWorkerLink } from '@cogo/worker/client/worker_link.ts';
import { monotonicClock } from '@cogo/worker/clock.ts';
import type { Executor } from '@cogo/worker/executors/executor.ts';
import { runLoops } from '@cogo/worker/loop/worker.ts';
import { DEFAULT_POLICY } from '@cogo/worker/policy.ts';

const CONNECTIONS = 4;

/** Works off `count` ready jobs; milliseconds from the first start until the last result was acknowledged. */
export async function runOurWorker(
  url: string,
  executorId: string,
  count: number,
  slots: number,
): Promise<number> {
  const rpc = postgresRpc({ url, max: CONNECTIONS });
  const stop = new AbortController();
  let began = 0;
  let ended = 0;
  let done = 0;
  const executor: Executor = {
    type: 'code.debug',
    run: async () => {
      if (began === 0) began = performance.now();
      return { kind: 'finished', result: {} };
    },
  };
  const ran = await runLoops({
    link: rpcWorkerLink(rpc, executorId),
    info: {
      kind: 'cogo-work',
      version: 'bench',
      slots,
      types: null,
      sandbox: 'none',
      host: 'bench',
      platform: 'bench',
      instance: 'bench',
      beatS: 4,
    },
    slots,
    leaseS: 60,
    includeTypes: null,
    policy: () => DEFAULT_POLICY,
    executor: () => executor,
    signal: stop.signal,
    log: (_level, message) => {
      if (message !== 'job finished' || ++done < count) return;
      ended = performance.now();
      stop.abort();
    },
    clock: monotonicClock,
    random: Math.random,
    once: false,
    wake: null,
  });
  await rpc.close();
  if (!ran.ok) throw new Error(ran.error.message);
  if (ran.value.finished !== count) throw new Error(`${ran.value.finished} of ${count} jobs were finished`);
  return ended - began;
}
