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
  /** False when the run was given up: its loops end. */
  goesOn: () => () => boolean,
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
      const [plain, keyed] = [await project('plain'), await project('keyed')];
      for (let key = 0; key < KEYS; key++) {
        await admin.unsafe('select cogo_api.set_job_limit($1::uuid, $2::text::jsonb)', [
          keyed,
          JSON.stringify({ kind: 'concurrency', key: `k${key}`, slots: SLOTS }),
        ]);
      }
      const half = async (of: 'plain' | 'keyed', jobs: number) => {
        if (of === 'plain') await put(plain, jobs, () => ({}));
        else await put(keyed, jobs, (n) => ({ concurrency_key: `k${n % KEYS}` }));
        await admin.unsafe('vacuum analyze');
        return takeAll(jobs, workers, 1);
      };
      const jobs = Math.ceil(count / 2);
      const [free, bound] = [0, 0].map(() => [] as number[]) as [number[], number[]];
      // There and back, so that neither gets the fresher tables.
      free.push(await half('plain', jobs));
      bound.push(await half('keyed', jobs), await half('keyed', jobs));
      free.push(await half('plain', jobs));
      // Of each key the most leases at one time, from the rows: a look at them while they run costs time and misses some.
      const [row] = await admin<{ most: number }[]>`
        select coalesce(max(n), 0)::int as most from (
          select sum(d) over (partition by concurrency_key order by at, d) as n
            from cogo.jobs, lateral (values (leased_at, 1), (finished_at, -1)) as e(at, d)
           where project_id = ${keyed} and concurrency_key is not null) k`;
      const sum = (times: number[]) => times.reduce((a, b) => a + b, 0);
      return {
        ': share of the rate without': sum(free) / sum(bound),
        ': most over a limit': Math.max(0, row!.most - SLOTS),
      };
    },
    async tenants({ jobs, probes }) {
      const on = goesOn();
      const light = await project('light');
      for (let n = 0; n < TENANT_WORKERS; n++) await calls.register(`cogo-work.tenant.${n}`);
      const probe = async () => {
        const starts = new Starts(probes);
        let over = false;
        const worker = async (n: number) => {
          let held: Lease[] = [];
          while (on() && (!over || held.length > 0)) {
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
