// What only ours has: limits of a concurrency key, and projects that share a lane.
import type { Sql } from 'postgres';
import { quantile } from '../spread.ts';
import type { CogoCalls, Lease } from './ours.ts';
import { ENQUEUE_BATCH, PAYLOAD, type QueueSystem, sendAtRate, Starts } from './system.ts';

const KEYS = 40;
const SLOTS = 4;
const TENANT_WORKERS = 4;

export function openLimits(
  calls: CogoCalls,
  admin: Sql,
  takeAll: (count: number, workers: number, qty: number) => Promise<number>,
): Required<Pick<QueueSystem, 'limited' | 'tenants'>> {
  const project = async (name: string) => (await calls.project(name)).id;
  const put = async (id: string, count: number, extra: (n: number) => object) => {
    for (let at = 0; at < count; at += ENQUEUE_BATCH) {
      const size = Math.min(ENQUEUE_BATCH, count - at);
      await calls.enqueue(
        id,
        Array.from({ length: size }, (_, n) => ({ type: 'code.debug', payload: PAYLOAD, ...extra(at + n) })),
      );
    }
  };
  return {
    async limited(count, workers) {
      const plain = await project('plain');
      await put(plain, count, () => ({}));
      await admin.unsafe('vacuum analyze');
      const free = await takeAll(count, workers, 1);
      const keyed = await project('keyed');
      for (let key = 0; key < KEYS; key++) {
        await admin.unsafe('select cogo_api.set_job_limit($1::uuid, $2::text::jsonb)', [
          keyed,
          JSON.stringify({ kind: 'concurrency', key: `k${key}`, slots: SLOTS }),
        ]);
      }
      await put(keyed, count, (n) => ({ concurrency_key: `k${n % KEYS}` }));
      await admin.unsafe('vacuum analyze');
      let over = 0;
      let watching = true;
      const watch = (async () => {
        while (watching) {
          const [row] = await admin<{ most: number | null }[]>`
            select max(n)::int as most from (select count(*) as n from cogo.jobs where state = 'running'
              and concurrency_key is not null group by concurrency_key) k`;
          over = Math.max(over, (row?.most ?? 0) - SLOTS);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      })();
      const bound = await takeAll(count, workers, 1);
      watching = false;
      await watch;
      return { ': share of the rate without': free / bound, ': most over a limit': over };
    },
    async tenants({ jobs, probes }) {
      const light = await project('light');
      for (let n = 0; n < TENANT_WORKERS; n++) await calls.register(`cogo-work.tenant.${n}`);
      const probe = async () => {
        const starts = new Starts(probes);
        let over = false;
        const worker = async (n: number) => {
          let held: Lease[] = [];
          while (!over || held.length > 0) {
            // Ten at a time, each a millisecond of work.
            const turn = await calls.turn(`cogo-work.tenant.${n}`, held, over ? 1 : 10);
            held = turn.jobs;
            for (const lease of held) if (lease.payload.n !== undefined) starts.mark(lease.payload.n);
            await new Promise((resolve) => setTimeout(resolve, Math.max(1, held.length)));
            if (over && held.length > 0) {
              await calls.finish(held);
              held = [];
            }
          }
        };
        const workers = Array.from({ length: TENANT_WORKERS }, (_, n) => worker(n));
        const sent = await sendAtRate(20, probes, (n) =>
          calls.enqueue(light, [{ type: 'code.debug', payload: { n } }]),
        );
        await starts.all;
        over = true;
        await Promise.all(workers);
        return quantile(starts.since(sent), 0.99);
      };
      const alone = await probe();
      await put(await project('loud'), jobs, () => ({}));
      return { ': p99 alone': alone, ': p99 beside': await probe() };
    },
  };
}
