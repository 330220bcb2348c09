import type { Database } from '../database/database.ts';
import { isDue, parseSchedule } from './cron_expression.ts';

export interface SchedulerOptions {
  db: Database;
  now: () => number;
  log: (line: string) => void;
  /** Milliseconds between looks at `cron.job`; 1000 unless told. */
  tickMs?: number;
}

export interface Scheduler {
  /** Looks once and runs what is due; answers how many jobs ran. Tests call it with a clock of their own. */
  tick(): Promise<number>;
  start(): void;
  stop(): Promise<void>;
}

interface Job {
  jobid: string | number;
  schedule: string;
  command: string;
}

const KEPT_RUNS = 100;
const TIMEOUT_MS = 30_000;

/** Whether `cron` is the stack's own shim, so the stack has to run it. */
export async function needsScheduler(db: Database): Promise<boolean> {
  const [row] = await db.query<{ ours: boolean }>(
    "select to_regprocedure('cron.cogo_is_shim()') is not null as ours",
  );
  return row?.ours ?? false;
}

/**
 * Runs the jobs of `cron.job`, one after another: on PGlite they would wait for each other anyway. Every run is a row of
 * `cron.job_run_details`; the newest 100 of each job stay.
 */
export function createScheduler(options: SchedulerOptions): Scheduler {
  const { db, now, log } = options;
  const lastDue = new Map<string, { schedule: string; at: number }>();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<number> | undefined;

  const look = async (): Promise<number> => {
    const jobs = await db.query<Job>(
      'select jobid, schedule, command from cron.job where active order by jobid',
    );
    let ran = 0;
    const known = new Set(jobs.map((job) => String(job.jobid)));
    for (const id of lastDue.keys()) if (!known.has(id)) lastDue.delete(id);
    for (const job of jobs) {
      const id = String(job.jobid);
      const schedule = parseSchedule(job.schedule);
      if (!schedule) continue;
      const last = lastDue.get(id);
      if (!last || last.schedule !== job.schedule) {
        // A job first seen now is due from its next time on, as with pg_cron.
        lastDue.set(id, { schedule: job.schedule, at: now() });
        continue;
      }
      if (!isDue(schedule, last.at, now())) continue;
      lastDue.set(id, { schedule: job.schedule, at: now() });
      await runJob(db, job, log);
      ran += 1;
    }
    return ran;
  };

  const tick = () => {
    running ??= look()
      .catch((error: unknown) => {
        log(`scheduler: ${(error as Error).message}`);
        return 0;
      })
      .finally(() => {
        running = undefined;
      });
    return running;
  };

  return {
    tick,
    start() {
      timer = setInterval(() => void tick(), options.tickMs ?? 1000);
      timer.unref();
      void tick();
    },
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}

async function runJob(db: Database, job: Job, log: (line: string) => void): Promise<void> {
  const [run] = await db.query<{ runid: string | number }>(
    `insert into cron.job_run_details (jobid, database, username, command, status, start_time)
     values ($1::text::bigint, current_database(), current_user, $2::text, 'running', clock_timestamp()) returning runid`,
    [String(job.jobid), job.command],
  );
  let status = 'succeeded';
  let message = '';
  try {
    await db.transaction(async (tx) => {
      await tx.exec(`set local statement_timeout = ${TIMEOUT_MS}`);
      await tx.exec(job.command);
    });
  } catch (error) {
    status = 'failed';
    message = `ERROR: ${(error as Error).message}`;
    log(`scheduler: job ${job.jobid} failed: ${(error as Error).message}`);
  }
  await db.query(
    `update cron.job_run_details set status = $2::text, return_message = $3::text, end_time = clock_timestamp()
     where runid = $1::text::bigint`,
    [String(run?.runid), status, message],
  );
  await db.query(
    `delete from cron.job_run_details where jobid = $1::text::bigint and runid <= (
       select runid from cron.job_run_details where jobid = $1::text::bigint order by runid desc offset $2::text::int limit 1)`,
    [String(job.jobid), String(KEPT_RUNS)],
  );
}
