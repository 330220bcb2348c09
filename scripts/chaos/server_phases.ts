// Phases that hurt the server: restarted, its backends killed, no connection left, its ready lists emptied, a snapshot held.
import postgres from 'postgres';
import { cogoCalls } from '../bench/jobs/ours.ts';
import { Field, pause, SWEEP_MS, until } from './field.ts';
import { type Phase, Skipped } from './phase.ts';

/** What the workers' own pause between attempts may take. */
const RECONNECT_MS = 10_000;

export const postgresRestart: Phase = async ({ quick, leaseS, database, restartServer }) => {
  if (!restartServer) throw new Skipped('the server of COGO_TEST_DB is not ours to restart');
  const field = new Field(await database(), leaseS);
  try {
    await field.enqueue(quick ? 100 : 300, 200);
    const first = field.worker();
    field.worker();
    await field.holds(first, 1);
    await restartServer();
    const recoverMs = await field.nextDone(30_000);
    return {
      ...(await field.count(60_000)),
      recoverMs,
      recovered: 'from the server being back until the next job was done',
      targetMs: RECONNECT_MS,
    };
  } finally {
    await field.close();
  }
};

/** Claims do not wait for the disk: those that a crash takes back are made again, and whoever held the first ones is refused. */
export const postgresCrash: Phase = async ({ quick, leaseS, database, crashServer }) => {
  if (!crashServer) throw new Skipped('the server of COGO_TEST_DB is not ours to crash');
  const url = await database();
  const field = new Field(url, leaseS);
  const zombie = cogoCalls(url, 1);
  try {
    // Until the next start: nothing flushes for others meanwhile.
    await field.sql`alter system set wal_writer_delay = '10s'`;
    await field.sql`select pg_reload_conf()`;
    await zombie.register('cogo-work.zombie');
    await field.enqueue(quick ? 100 : 300, 20);
    const leases = await zombie.claim('cogo-work.zombie', 20, 300);
    await crashServer();
    const forgotten = await until(
      'the server answers',
      30_000,
      () => field.sql<{ id: string }[]>`
        select id from cogo.jobs where id = any (${leases.map((lease) => lease.job_id)}::uuid[]) and state <> 'running'`,
    );
    const lost = new Set(forgotten.map(({ id }) => id));
    const held = leases.filter(({ job_id }) => lost.has(job_id));
    // The first attempts of the same jobs, given out again.
    const again = await zombie.claim('cogo-work.zombie', 20, 5);
    const repeated = again.filter(({ token }) => leases.some((lease) => lease.token === token)).length;
    const believed = (await zombie.finish(held)).filter(({ verdict }) => verdict !== 'lost').length;
    // The claims that were not forgotten are long; these jobs are the workers' when they lapse.
    await field.sql`update cogo.jobs set lease_until = clock_timestamp() where state = 'running'`;
    field.worker();
    field.worker();
    const recoverMs = await field.nextDone(30_000);
    const outcome = await field.count(60_000);
    return {
      ...outcome,
      refused: outcome.refused + held.length - believed,
      recoverMs,
      recovered: 'from the server being back until the next job was done',
      targetMs: RECONNECT_MS,
      more: { claims_forgotten: held.length, tokens_repeated: repeated, zombies_believed: believed },
      ...(held.length === 0
        ? { failed: 'the crash took no claim back, so nothing was shown' }
        : repeated + believed > 0
          ? { failed: 'a lease of before the crash was taken for one of after it' }
          : {}),
    };
  } finally {
    await zombie.sql.end({ timeout: 2 });
    await field.close();
  }
};

export const backendKill: Phase = async ({ quick, leaseS, database }) => {
  const field = new Field(await database(), leaseS);
  try {
    await field.enqueue(quick ? 150 : 500, 50);
    const first = field.worker();
    field.worker();
    await field.holds(first, 1);
    let killed = 0;
    for (let round = 0; round < (quick ? 5 : 15); round++) {
      const rows = await field.sql`
        select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and application_name like 'cogo-work.chaos-%'`;
      killed += rows.length;
      await pause(200);
    }
    const recoverMs = await field.nextDone(20_000);
    return {
      ...(await field.count(60_000)),
      recoverMs,
      recovered: 'from the last kill until the next job was done',
      targetMs: RECONNECT_MS,
      more: { backends_killed: killed },
    };
  } finally {
    await field.close();
  }
};

/** Somebody takes every connection for longer than a lease. */
export const poolExhaustion: Phase = async ({ quick, leaseS, database }) => {
  const url = await database();
  const field = new Field(url, leaseS);
  const hogs: postgres.Sql[] = [];
  try {
    await field.enqueue(quick ? 60 : 200, 200);
    const first = field.worker();
    field.worker();
    await field.holds(first, 1);
    let refused = 0;
    const [{ max }] = await field.sql<
      [{ max: number }]
    >`select current_setting('max_connections')::int as max`;
    for (let n = 0; n < max + 20 && refused < 3; n++) {
      const hog = postgres(url, { max: 1, idle_timeout: 0, onnotice: () => {}, connect_timeout: 3 });
      hogs.push(hog);
      await hog`select 1`.catch(() => refused++);
    }
    await field.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name like 'cogo-work.chaos-%'`;
    // Whatever they give up is taken as well.
    for (let n = 0; n < 6; n++) {
      const hog = postgres(url, { max: 1, idle_timeout: 0, onnotice: () => {}, connect_timeout: 3 });
      hogs.push(hog);
      await hog`select 1`.catch(() => {});
    }
    await pause((leaseS + 1) * 1000);
    const taken = hogs.length - refused;
    await Promise.all(hogs.splice(0).map((hog) => hog.end({ timeout: 1 })));
    const recoverMs = await field.nextDone(60_000);
    return {
      ...(await field.count(90_000)),
      recoverMs,
      recovered: 'from the connections being free until the next job was done',
      targetMs: RECONNECT_MS + leaseS * 1000,
      more: { connections_taken: taken },
      ...(refused === 0 ? { failed: 'the server never ran out of connections' } : {}),
    };
  } finally {
    await Promise.all(hogs.map((hog) => hog.end({ timeout: 1 })));
    await field.close();
  }
};

/** The ready lists are emptied; nobody says so. The sweep finds the jobs without a message. */
export const queuePurge: Phase = async ({ quick, leaseS, database }) => {
  const field = new Field(await database(), leaseS);
  try {
    const jobs = await field.enqueue(quick ? 60 : 300, 100);
    const first = field.worker();
    await field.holds(first, 1);
    const from = performance.now();
    const queues = await field.sql<{ queue_name: string }[]>`select queue_name from cogo.lanes`;
    await field.sql.unsafe(`truncate ${queues.map((lane) => `pgmq.q_${lane.queue_name}`).join(', ')}`);
    const [lost] = await field.sql<{ n: number }[]>`
      select count(*)::int as n from cogo.jobs where state = 'queued' and id = any (${jobs}::uuid[])`;
    await until('the sweep sent the jobs again', 90_000, async () => {
      const [row] = await field.sql<{ n: number }[]>`
        select count(*)::int as n from cogo.jobs where state in ('running', 'succeeded') and id = any (${jobs}::uuid[])`;
      return row!.n > jobs.length - lost!.n + 3 ? true : null;
    });
    const recoverMs = performance.now() - from;
    return {
      ...(await field.count(120_000)),
      recoverMs,
      recovered:
        'from the purge until purged jobs run (a lane is reconciled each 15 s, jobs queued for 10 s)',
      targetMs: 30_000,
      more: { messages_purged: lost!.n },
    };
  } finally {
    await field.close();
  }
};

/** Jobs come at a fixed rate while one transaction keeps an old snapshot: dead rows cannot be cleaned away. */
export const heldSnapshot: Phase = async ({ quick, database }) => {
  const url = await database();
  const holder = postgres(url, { max: 1, onnotice: () => {} });
  const calls = cogoCalls(url, 8);
  const { rate, seconds } = quick ? { rate: 100, seconds: 8 } : { rate: 200, seconds: 120 };
  try {
    const project = (await calls.project('held')).id;
    const session = await holder.reserve();
    await session`begin isolation level repeatable read`;
    await session`select count(*) from cogo.jobs`;
    const total = rate * seconds;
    let sent = 0;
    let done = 0;
    let over = false;
    let refused = 0;
    const sweeper = setInterval(() => void calls.sweep().catch(() => {}), SWEEP_MS);
    const claims: number[] = [];
    const workers = Array.from({ length: 4 }, async (_, n) => {
      while (!over) {
        const from = performance.now();
        const leases = await calls.claim(`cogo-work.held-${n}`, 1);
        claims.push(performance.now() - from);
        if (leases.length === 0) await pause(10);
        else {
          const verdicts = await calls.finish(leases);
          refused += verdicts.filter((verdict) => verdict.verdict !== 'ok').length;
          done += verdicts.length;
        }
      }
    });
    const began = performance.now();
    // Ten a call: the measure is the claim.
    for (; sent < total; sent += 10) {
      const wait = began + (sent * 1000) / rate - performance.now();
      if (wait > 0) await pause(wait);
      const jobs = Array.from({ length: 10 }, () => ({ type: 'code.debug', payload: {} }));
      await calls.enqueue(project, jobs);
    }
    const backlog = sent - done;
    const share = done / Math.max(sent, ((performance.now() - began) / 1000) * rate);
    await until('the backlog is worked off', 60_000, async () => (done >= total ? true : null)).catch(
      () => {},
    );
    over = true;
    await Promise.all(workers);
    clearInterval(sweeper);
    await session`rollback`;
    session.release();
    const [twice] = await holder.unsafe(
      `select count(*)::int as n from (select job_id from cogo.job_outcomes group by job_id having count(*) > 1) x`,
    );
    const late = claims.slice(-200).sort((a, b) => a - b);
    const share95 = share >= 0.95 && backlog <= rate;
    return {
      jobs: total,
      lost: total - done,
      double: (twice as unknown as { n: number }).n,
      dead: 0,
      refused,
      recoverMs: null,
      recovered: '',
      targetMs: null,
      more: {
        offered_per_s: rate,
        seconds,
        share_kept: Number(share.toFixed(3)),
        backlog_at_end: backlog,
        claim_p50_ms_at_end: Number((late[Math.floor(late.length / 2)] ?? 0).toFixed(2)),
      },
      ...(share95
        ? {}
        : {
            failed: `${Math.round(share * 100)} % of ${rate}/s kept, ${backlog} jobs behind (95 %, a second)`,
          }),
    };
  } finally {
    await holder.end({ timeout: 1 });
    await calls.sql.end({ timeout: 2 });
  }
};
