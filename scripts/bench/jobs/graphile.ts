import { EventEmitter } from 'node:events';
import { Logger, makeWorkerUtils, type Runner, run, type TaskList } from 'graphile-worker';
import pg from 'pg';
import { packageVersion } from '../report.ts';
import {
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

const silent = new Logger(() => () => {});
/** As its own performance test sets them. */
const LOCAL_QUEUE = 500;
const CONCURRENCY = 24;

/** graphile-worker at its fastest: local queue and batched acks for the drain, neither where one job at a time is the measure. */
export async function openGraphile(url: string, maxConnections: number): Promise<QueueSystem> {
  const openPool = (max: number) => {
    const pool = new pg.Pool({ connectionString: url, max });
    pool.on('error', () => {});
    pool.on('connect', (client) => client.on('error', () => {}));
    return pool;
  };
  const pool = openPool(maxConnections);
  const utils = await makeWorkerUtils({ pgPool: pool, logger: silent });
  await utils.migrate();

  const put = (count: number, extra: { runAt?: Date } = {}) =>
    sideBySide(Math.ceil(count / ENQUEUE_BATCH), ENQUEUERS, async (n) => {
      const size = Math.min(ENQUEUE_BATCH, count - n * ENQUEUE_BATCH);
      await utils.addJobs(
        Array.from({ length: size }, () => ({ identifier: 'bench', payload: PAYLOAD, ...extra })),
      );
    });
  /** Runs until `count` jobs were handled and are gone from the table; the time from the first start on. */
  const work = async (
    count: number,
    o: { concurrency: number; connections: number; batched: boolean; localQueue?: number },
  ): Promise<number> => {
    const own = openPool(o.connections);
    let handled = 0;
    let began = 0;
    let done: () => void = () => {};
    const all = new Promise<void>((resolve) => {
      done = resolve;
    });
    const taskList: TaskList = {
      bench: async () => {
        if (began === 0) began = performance.now();
        if (++handled === count) done();
      },
    };
    const runner = await start(own, taskList, o);
    await all;
    // The last acks may still be on their way.
    while (
      (await pool.query('select exists (select from graphile_worker._private_jobs) as more')).rows[0].more
    ) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const ms = performance.now() - began;
    await runner.stop();
    await own.end();
    return ms;
  };
  const start = (
    own: pg.Pool,
    taskList: TaskList,
    o: { concurrency: number; batched: boolean; localQueue?: number },
  ): Promise<Runner> => {
    const events = new EventEmitter();
    events.setMaxListeners(0);
    return run({
      pgPool: own,
      taskList,
      logger: silent,
      noHandleSignals: true,
      events,
      parsedCronItems: [],
      preset: {
        worker: {
          concurrentJobs: o.concurrency,
          pollInterval: 2000,
          ...(o.batched
            ? {
                localQueue: { size: o.localQueue ?? LOCAL_QUEUE },
                completeJobBatchDelay: 0,
                failJobBatchDelay: 0,
              }
            : {}),
        },
      },
    } as never);
  };
  return {
    name: `graphile-worker ${packageVersion('graphile-worker')}`,
    async reset() {
      await pool.query('truncate graphile_worker._private_jobs');
    },
    async settle() {
      await pool.query('vacuum analyze graphile_worker._private_jobs');
    },
    enqueue: (count) => timed(() => put(count)),
    drain: (count) =>
      work(count, { concurrency: CONCURRENCY, connections: DRAIN_CONNECTIONS, batched: true }),
    // One connection more than workers: it listens on one.
    single: (count, workers) =>
      work(count, { concurrency: workers, connections: workers + 1, batched: false }),
    // Its own grouping: a local queue as deep as there are slots, and acks that go together.
    worker: (count, slots, batched) =>
      work(count, {
        concurrency: slots,
        connections: slots + 1,
        batched,
        localQueue: slots,
      }),
    async latency(rate, count) {
      const starts = new Starts(count);
      const own = openPool(6);
      const runner = await start(
        own,
        { bench: async (payload) => starts.mark((payload as { n?: number }).n ?? 0) },
        { concurrency: 4, batched: false },
      );
      // It listens from a moment after run() resolves.
      await new Promise((resolve) => setTimeout(resolve, 300));
      const sent = await sendAtRate(rate, count, (n) => utils.addJob('bench', { ...PAYLOAD, n }));
      await starts.all;
      await runner.stop();
      await own.end();
      return starts.since(sent);
    },
    async backlog(rows) {
      await put(rows);
      await pool.query(
        `update graphile_worker._private_jobs set locked_at = now(), locked_by = 'bench', attempts = attempts + 1`,
      );
      await put(rows, { runAt: new Date(Date.now() + 86_400_000) });
    },
    async emptyClaim(times) {
      const { rows } = await pool.query(
        `select id from graphile_worker._private_tasks where identifier = 'bench'`,
      );
      // Its own statement (dist/sql/getJob.js), which it runs for every poll.
      const statement = {
        name: 'bench-get-job',
        text: `
with j as (
  select jobs.job_queue_id, jobs.priority, jobs.run_at, jobs.id
    from graphile_worker._private_jobs as jobs
    where jobs.is_available = true
    and run_at <= now()
    and task_id = any($2::int[])
    order by priority asc, run_at asc
    limit 1
    for update
    skip locked
)
  update graphile_worker._private_jobs as jobs
    set attempts = jobs.attempts + 1, locked_by = $1::text, locked_at = now()
    from j
    where jobs.id = j.id
    returning *`,
        values: ['bench', [rows[0].id]],
      };
      return timesOf(times, async () => {
        if ((await pool.query(statement)).rowCount !== 0) throw new Error('the backlog holds a ready job');
      });
    },
    async close() {
      await utils.release();
      await pool.end();
    },
  };
}
