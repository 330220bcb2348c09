import pg from 'pg';
import { PgBoss } from 'pg-boss';
import { packageVersion } from '../report.ts';
import {
  DRAIN_BATCH,
  DRAIN_CONNECTIONS,
  ENQUEUE_BATCH,
  ENQUEUERS,
  PAYLOAD,
  type QueueSystem,
  sendAtRate,
  sideBySide,
  Starts,
  timed,
  timesOf,
} from './system.ts';

const QUEUE = 'bench';
/** Of its own: its worker stays, for all runs. */
const LATENCY_QUEUE = 'bench-latency';

/** pg-boss by fetch and complete without its polling pause, in batches where that is the measure; LISTEN on for the latency. */
export async function openPgBoss(url: string, maxConnections: number): Promise<QueueSystem> {
  const admin = new pg.Pool({ connectionString: url, max: 1 });
  const boss = new PgBoss({
    connectionString: url,
    max: maxConnections,
    useListenNotify: true,
    supervise: false,
    schedule: false,
  });
  boss.on('error', (error) => console.error(`pg-boss: ${(error as Error).message}`));
  boss.on('warning', () => {});
  await boss.start();
  await boss.createQueue(QUEUE, { notify: true, expireInSeconds: 3600 });

  let working = false;
  let starts = new Starts(0);
  const put = (count: number, extra: { startAfter?: number } = {}) =>
    sideBySide(Math.ceil(count / ENQUEUE_BATCH), ENQUEUERS, async (n) => {
      const size = Math.min(ENQUEUE_BATCH, count - n * ENQUEUE_BATCH);
      await boss.insert(
        QUEUE,
        Array.from({ length: size }, () => ({ data: PAYLOAD, ...extra })),
      );
    });
  const takeAll = (count: number, workers: number, batchSize: number) =>
    timed(async () => {
      let left = count;
      await Promise.all(
        Array.from({ length: workers }, async () => {
          while (left > 0) {
            const jobs = await boss.fetch(QUEUE, { batchSize });
            if (!jobs || jobs.length === 0) {
              await new Promise((resolve) => setTimeout(resolve, 1));
              continue;
            }
            left -= jobs.length;
            await boss.complete(
              QUEUE,
              jobs.map((job) => job.id),
            );
          }
        }),
      );
    });
  return {
    name: `pg-boss ${packageVersion('pg-boss')}`,
    async reset() {
      await boss.deleteAllJobs(QUEUE);
    },
    async settle() {
      await admin.query('vacuum analyze');
    },
    enqueue: (count) => timed(() => put(count)),
    drain: (count) => takeAll(count, DRAIN_CONNECTIONS, DRAIN_BATCH),
    single: (count, workers) => takeAll(count, workers, 1),
    async latency(rate, count) {
      const mine = new Starts(count);
      starts = mine;
      if (!working) {
        working = true;
        await boss.createQueue(LATENCY_QUEUE, { notify: true });
        // One at a time it falls behind: a notification that comes while it works is answered by the next poll.
        await boss.work(LATENCY_QUEUE, { batchSize: 10, pollingIntervalSeconds: 0.5 }, async (jobs) => {
          for (const job of jobs) starts.mark((job.data as { n?: number }).n ?? 0);
        });
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
      const sent = await sendAtRate(rate, count, (n) => boss.send(LATENCY_QUEUE, { ...PAYLOAD, n }));
      await mine.all;
      return mine.since(sent);
    },
    async backlog(rows) {
      await put(rows);
      for (let left = rows; left > 0; left -= ENQUEUE_BATCH) {
        await boss.fetch(QUEUE, { batchSize: ENQUEUE_BATCH });
      }
      await put(rows, { startAfter: 86_400 });
    },
    emptyClaim: (times) =>
      timesOf(times, async () => {
        if ((await boss.fetch(QUEUE))?.length) throw new Error('the backlog holds a ready job');
      }),
    async close() {
      await boss.stop({ graceful: false, close: true } as never);
      await admin.end();
    },
  };
}
