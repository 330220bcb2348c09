import { fileURLToPath } from 'node:url';
import postgres from 'postgres';
import { COGO_VERSION } from '@cogo/spec/version.ts';
import { postgresDatabase } from '@cogo/stack/database/database.ts';
import { applyMigrations, readMigrations } from '@cogo/stack/database/migrations.ts';
import { applyShims, readShims } from '@cogo/stack/database/shims.ts';
import { openHeld } from './held.ts';
import { openLimits } from './limits.ts';
import { runOurWorker } from './our_worker.ts';
import {
  DRAIN_BATCH,
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

const MIGRATIONS = fileURLToPath(new URL('../../../supabase/migrations', import.meta.url));
const EXECUTOR = 'cogo-work.bench';
/** Our best on two cores: more workers walk over each other's locked rows (54 µs of CPU a job with 8 x 500, 39 with 3 x 1000). */
const DRAIN_WORKERS = 3;
const DRAIN_QTY = 1000;

export interface Lease {
  job_id: string;
  token: string;
  payload: { n?: number };
}

/** A database with shims and migrations, as the stack makes it on an own Postgres. */
export async function prepareCogo(url: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    const db = postgresDatabase(sql);
    await applyShims(db, readShims());
    const applied = await applyMigrations(db, readMigrations(MIGRATIONS));
    if (!applied.ok) throw new Error(applied.error.message);
  } finally {
    await sql.end();
  }
}

/** cogo_api over prepared statements: the role and the claims are the session's, so that a call is one statement. */
export function cogoCalls(url: string, max: number) {
  const sql = postgres(url, {
    max,
    onnotice: () => {},
    connection: {
      application_name: 'bench',
      role: 'service_role',
      'request.jwt.claims': '{"role":"service_role"}',
    } as never,
  });
  const one = async <T>(text: string, params: (string | number)[]): Promise<T> => {
    const [row] = await sql.unsafe(text, params as never[], { prepare: true });
    return JSON.parse((row as unknown as { v: string }).v) as T;
  };
  return {
    sql,
    project: (name: string) =>
      one<{ id: string }>('select cogo_api.create_project($1::text)::text as v', [name]),
    register: (executor: string) =>
      one<unknown>(
        `select cogo_api.register_executor($1::text, '{"kind":"cogo-work","slots":100}')::text as v`,
        [executor],
      ),
    enqueue: (project: string, jobs: object[]) =>
      one<{ job_id: string; duplicate: boolean }[]>(
        'select cogo_api.enqueue($1::uuid, $2::text::jsonb)::text as v',
        [project, JSON.stringify(jobs)],
      ),
    claim: (executor: string, qty: number, leaseS = 60) =>
      one<Lease[]>('select cogo_api.claim($1::text, $2::int, $3::int)::text as v', [executor, qty, leaseS]),
    finish: (leases: readonly Lease[]) =>
      one<{ verdict: string }[]>('select cogo_api.finish($1::text::jsonb)::text as v', [
        JSON.stringify(leases.map(({ job_id, token }) => ({ job_id, token, result: {} }))),
      ]),
    turn: (executor: string, leases: readonly Lease[], qty: number, leaseS = 60) =>
      one<{ verdicts: { verdict: string }[]; jobs: Lease[] }>(
        'select cogo_api.turn($1::text, $2::text::jsonb, $3::int, $4::int)::text as v',
        [
          executor,
          JSON.stringify(leases.map(({ job_id, token }) => ({ job_id, token, result: {} }))),
          qty,
          leaseS,
        ],
      ),
    sweep: () => one<unknown>('select cogo_api.sweep()::text as v', []),
  };
}

export type CogoCalls = ReturnType<typeof cogoCalls>;

/** Ours, as an own Postgres runs it: sweep every second, every call fenced. */
export async function openOurs(url: string, maxConnections: number): Promise<QueueSystem> {
  await prepareCogo(url);
  const admin = postgres(url, { max: 1, onnotice: () => {} });
  const calls = cogoCalls(url, maxConnections);
  const project = (await calls.project('bench')).id;
  const sweeps = cogoCalls(url, 1);
  let sweeping: Promise<unknown> = Promise.resolve();
  const sweeper = setInterval(() => {
    // one after the other, and none beside a truncate, which it could meet in a circle
    sweeping = sweeping.then(() => sweeps.sweep()).catch(() => {});
  }, 1000);
  const betweenSweeps = <T>(work: () => Promise<T>): Promise<T> => {
    const done = sweeping.then(work);
    sweeping = done.catch(() => {});
    return done;
  };
  // A few sessions of their own, as a program that enqueues and a worker have: plans and caches of each are warm.
  const senders = cogoCalls(url, 3);
  const worker = cogoCalls(url, 2);
  let keys = 0;
  // A run that was given up must not go on beside the next one.
  let nth = 0;
  const goesOn = () => {
    const mine = nth;
    return () => mine === nth;
  };

  const accepted = (verdicts: { verdict: string }[]) => {
    const refused = verdicts.filter((v) => v.verdict !== 'ok').length;
    if (refused > 0) throw new Error(`${refused} of ${verdicts.length} finishes were refused`);
  };
  const finish = async (leases: readonly Lease[]) => accepted(await worker.finish(leases));
  /** A busy worker's loop: each call reports what it did and takes the next. */
  const takeAll = async (count: number, workers: number, qty: number) => {
    const on = goesOn();
    for (let worker = 0; worker < workers; worker++) await calls.register(`${EXECUTOR}.${worker}`);
    return timed(async () => {
      let left = count;
      await Promise.all(
        Array.from({ length: workers }, async (_, worker) => {
          let held: Lease[] = [];
          while (on() && (left > 0 || held.length > 0)) {
            const { verdicts, jobs } = await calls.turn(`${EXECUTOR}.${worker}`, held, qty);
            accepted(verdicts);
            held = jobs;
            left -= jobs.length;
            // The rest is in the hands of the others.
            if (jobs.length === 0 && left > 0) await new Promise((resolve) => setTimeout(resolve, 1));
          }
        }),
      );
    });
  };

  return {
    name: `cogo ${COGO_VERSION}`,
    async reset() {
      nth++;
      const tables = await admin<{ name: string }[]>`
        select format('%I.%I', schemaname, tablename) as name from pg_tables
         where (schemaname = 'cogo' and tablename like 'job%' and tablename not in ('job_types', 'job_kinds'))
            or (schemaname = 'realtime' and tablename = 'messages')
        union all select 'pgmq.q_' || queue_name from cogo.lanes`;
      // An enqueue rings everybody who might take the job.
      await admin`delete from cogo.executors`;
      await betweenSweeps(() => admin.unsafe(`truncate ${tables.map((t) => t.name).join(', ')} cascade`));
    },
    async settle() {
      await admin.unsafe('vacuum analyze');
    },
    enqueue: (count) =>
      timed(() =>
        sideBySide(Math.ceil(count / ENQUEUE_BATCH), ENQUEUERS, async (n) => {
          const size = Math.min(ENQUEUE_BATCH, count - n * ENQUEUE_BATCH);
          const from = keys;
          keys += size;
          await calls.enqueue(
            project,
            Array.from({ length: size }, (_, i) => ({
              type: 'code.debug',
              payload: PAYLOAD,
              key: `bench-${process.pid}-${from + i}`,
            })),
          );
        }),
      ),
    drain: (count) => takeAll(count, DRAIN_WORKERS, DRAIN_QTY),
    single: (count, workers) => takeAll(count, workers, 1),
    worker: (count, slots) => runOurWorker(url, EXECUTOR, count, slots),
    async latency(rate, count) {
      await calls.register(EXECUTOR);
      const starts = new Starts(count);
      let over = false;
      let rung = false;
      let wake: () => void = () => {};
      const ring = () => {
        rung = true;
        wake();
      };
      // The doorbell of an executor is a hint, which on an own Postgres is a notification.
      const ear = postgres(url, { max: 1, onnotice: () => {} });
      await ear.listen('cogo_realtime_hint', ring);
      await ear`select realtime.cogo_listen(gen_random_uuid(), ${[`agents:${EXECUTOR}`]})`;
      const finishing: Promise<void>[] = [];
      const working = (async () => {
        while (!over) {
          rung = false;
          const leases = await worker.claim(EXECUTOR, 10);
          for (const lease of leases) starts.mark(lease.payload.n ?? 0);
          if (leases.length > 0) finishing.push(finish(leases));
          // Fewer than asked for: what comes later rings.
          if (leases.length === 10 || rung) continue;
          await new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, 1000);
            wake = () => {
              clearTimeout(timer);
              resolve();
            };
            if (rung || over) wake();
          });
        }
      })();
      const sent = await sendAtRate(rate, count, (n) =>
        senders.enqueue(project, [{ type: 'code.debug', payload: { ...PAYLOAD, n } }]),
      );
      await starts.all;
      over = true;
      ring();
      await working;
      await Promise.all(finishing);
      await ear.end({ timeout: 2 });
      return starts.since(sent);
    },
    async backlog(rows) {
      // More than a project may have waiting unless it is said.
      await admin`insert into cogo.job_quotas (project_id, queue_limit) values (${project}, ${3 * rows + 500_000})
                  on conflict (project_id) do update set queue_limit = excluded.queue_limit`;
      const put = (extra: object) =>
        sideBySide(Math.ceil(rows / ENQUEUE_BATCH), ENQUEUERS, async (n) => {
          const size = Math.min(ENQUEUE_BATCH, rows - n * ENQUEUE_BATCH);
          await calls.enqueue(
            project,
            Array.from({ length: size }, () => ({ type: 'code.debug', payload: PAYLOAD, ...extra })),
          );
        });
      await put({});
      await sideBySide(Math.ceil(rows / DRAIN_BATCH), 4, async () => {
        await calls.claim(EXECUTOR, DRAIN_BATCH, 3600);
      });
      await put({ delay_s: 86_400 });
    },
    ...openHeld(url, calls, goesOn),
    ...openLimits(calls, admin, takeAll, goesOn),
    async emptyClaim(times) {
      // One session, as a poller has: a pool's sessions each plan anew once the backlog was vacuumed and analyzed.
      const poller = cogoCalls(url, 1);
      try {
        return await timesOf(times, async () => {
          if ((await poller.claim(EXECUTOR, 1)).length > 0) throw new Error('the backlog holds a ready job');
        });
      } finally {
        await poller.sql.end();
      }
    },
    async close() {
      clearInterval(sweeper);
      await sweeping;
      await Promise.all([admin.end(), ...[calls, senders, worker, sweeps].map((pool) => pool.sql.end())]);
    },
  };
}
