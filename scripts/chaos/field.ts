// What every phase stands on: an empty queue, worker processes, a sweep each second, and the count at the end.
import postgres from 'postgres';
import { type CogoCalls, cogoCalls } from '../bench/jobs/ours.ts';
import type { ChildConfig } from './worker_child.ts';
import { WorkerProcess } from './worker_process.ts';

/** Milliseconds between sweeps, as scheduled on a server of one's own. */
export const SWEEP_MS = 1000;

export interface Outcome {
  jobs: number;
  /** Neither recorded as done nor in the dead letters when the time was up, or gone altogether. */
  lost: number;
  /** Jobs with more than one recorded success, or whose result is not of the executor that held the last lease. */
  double: number;
  dead: number;
  /** Calls with a stale token that were refused. */
  refused: number;
}

export interface Held {
  id: string;
  attempt: number;
}

export class Field {
  readonly url: string;
  readonly leaseS: number;
  readonly sql: postgres.Sql;
  readonly workers: WorkerProcess[] = [];
  readonly #calls: CogoCalls;
  readonly #sweeper: NodeJS.Timeout;
  readonly #own: string;
  #sweeping: Promise<unknown> = Promise.resolve();
  #project = '';
  #jobs: string[] = [];
  #nth = 0;

  /** @param url a database with shims and migrations, nothing else in it
   *  @param leaseS of its workers */
  constructor(url: string, leaseS: number) {
    this.url = url;
    this.leaseS = leaseS;
    this.#own = `chaos-harness-${process.pid}`;
    const named = new URL(url);
    named.searchParams.set('application_name', this.#own);
    this.sql = postgres(named.href, { max: 2, onnotice: () => {}, connect_timeout: 5 });
    this.#calls = cogoCalls(named.href, 2);
    // As pg_cron does on a server of one's own.
    this.#sweeper = setInterval(() => {
      this.#sweeping = this.#calls.sweep().catch(() => {});
    }, SWEEP_MS);
  }

  async enqueue(count: number, ms: number, extra: { pin?: string } = {}): Promise<string[]> {
    if (this.#project === '') this.#project = (await this.#calls.project('chaos')).id;
    const made: string[] = [];
    // 25 a call: more at once would be quiet jobs, which nobody is told of one by one.
    for (let at = 0; at < count; at += 25) {
      const jobs = Array.from({ length: Math.min(25, count - at) }, () => ({
        type: 'code.debug',
        payload: { ms },
        max_attempts: 50,
        ...extra,
      }));
      made.push(...(await this.#calls.enqueue(this.#project, jobs)).map((job) => job.job_id));
    }
    this.#jobs.push(...made);
    return made;
  }

  worker(config: Partial<ChildConfig> = {}): WorkerProcess {
    const executorId = config.executorId ?? `cogo-work.chaos-${++this.#nth}`;
    const url = new URL(config.postgres ?? this.url);
    url.searchParams.set('application_name', executorId);
    const worker = new WorkerProcess({
      slots: 4,
      leaseS: this.leaseS,
      ...config,
      executorId,
      postgres: url.href,
    });
    this.workers.push(worker);
    return worker;
  }

  /** Resolves when the executor runs at least `n` jobs; what it holds then. */
  async holds(worker: WorkerProcess, n: number): Promise<Held[]> {
    return until(`${worker.executorId} holds ${n} jobs`, 30_000, async () => {
      if (!worker.alive) throw new Error(`${worker.executorId} ended: ${worker.stderr}`);
      const rows = await this.held(worker);
      return rows.length >= n ? rows : null;
    });
  }

  /** Milliseconds until the executor did a job that only it may take; null when it did not in time, and then anybody may. */
  async works(worker: WorkerProcess, limitMs: number): Promise<number | null> {
    const from = performance.now();
    const [job] = await this.enqueue(1, 20, { pin: worker.executorId });
    try {
      await until(`${worker.executorId} works`, limitMs, async () => {
        const [row] = await this.sql<{ state: string }[]>`select state from cogo.jobs where id = ${job!}`;
        return row?.state === 'succeeded' ? true : null;
      });
      return performance.now() - from;
    } catch {
      await this.#calls.sql`select cogo_api.pin(${job!}::uuid, null)`.catch(() => {});
      return null;
    }
  }

  async held(worker: WorkerProcess): Promise<Held[]> {
    return [
      ...(await this.sql<Held[]>`
        select id, attempt from cogo.jobs where state = 'running' and executor_id = ${worker.executorId}`),
    ];
  }

  async done(): Promise<number> {
    const [row] = await this.sql<{ n: number }[]>`
      select count(*)::int as n from cogo.jobs where state = 'succeeded' and id = any (${this.#jobs}::uuid[])`;
    return row!.n;
  }

  /** Milliseconds until each of these jobs was given to somebody else, or was finished. */
  async handedOn(held: readonly Held[], limitMs: number): Promise<number> {
    const from = performance.now();
    await until('the jobs of the victim were handed on', limitMs, async () => {
      const [row] = await this.sql<{ left: number }[]>`
        select count(*)::int as left from unnest(${held.map((job) => job.id)}::uuid[], ${held.map((job) => job.attempt)}::int[]) as h(id, attempt)
          join cogo.jobs j on j.id = h.id and j.attempt = h.attempt and j.state in ('running', 'queued')`;
      return row!.left === 0 ? true : null;
    });
    return performance.now() - from;
  }

  /** Milliseconds until another job is recorded as done. */
  async nextDone(limitMs: number): Promise<number> {
    const from = performance.now();
    const before = await until('the database answers', limitMs, () => this.done());
    // Whatever was there may be done already.
    await until('jobs can be enqueued', limitMs, () => this.enqueue(8, 20));
    await until('a job is done', limitMs, async () => ((await this.done()) > before ? true : null)).catch(
      (error: Error) => {
        const said = this.workers.map((worker) => worker.lines.slice(-3).map((line) => JSON.stringify(line)));
        throw new Error(`${error.message}; the workers last said ${said.join(' | ')}`);
      },
    );
    return performance.now() - from;
  }

  /** Waits for the end of all jobs, stops the workers and counts. */
  async count(limitMs: number): Promise<Outcome> {
    await until('all jobs ended', limitMs, async () => {
      const [row] = await this.sql<{ n: number }[]>`
        select count(*)::int as n from cogo.jobs
         where state in ('succeeded', 'dead', 'cancelled') and id = any (${this.#jobs}::uuid[])`;
      return row!.n === this.#jobs.length ? true : null;
    }).catch((error: unknown) => console.error((error as Error).message));
    await Promise.all(this.workers.map((worker) => worker.stop()));
    const [row] = await this.sql<{ ended: number; dead: number; double: number }[]>`
      select (select count(*)::int from cogo.jobs
               where id = any (${this.#jobs}::uuid[]) and state in ('succeeded', 'dead')) as ended,
             (select count(*)::int from cogo.jobs where id = any (${this.#jobs}::uuid[]) and state = 'dead') as dead,
             (select count(*)::int from cogo.jobs j
               where j.id = any (${this.#jobs}::uuid[]) and j.state = 'succeeded'
                 and (j.result ->> 'by' is distinct from j.executor_id
                      or (select count(*) from cogo.job_outcomes o where o.job_id = j.id) <> 1)) as double`;
    const { ended, dead, double } = row!;
    return {
      jobs: this.#jobs.length,
      lost: this.#jobs.length - ended,
      double,
      dead,
      refused: this.workers.reduce((sum, worker) => sum + worker.refused, 0),
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeper);
    await this.#sweeping;
    await Promise.all(this.workers.map((worker) => worker.stop()));
    await Promise.all([this.sql.end({ timeout: 2 }), this.#calls.sql.end({ timeout: 2 })]);
  }
}

/** Asks again until the answer is not null; errors count as no answer yet. */
export async function until<T>(what: string, limitMs: number, ask: () => Promise<T | null>): Promise<T> {
  const end = performance.now() + limitMs;
  let last: unknown;
  while (performance.now() < end) {
    try {
      const answer = await ask();
      if (answer !== null) return answer;
    } catch (error) {
      last = error;
    }
    await pause(50);
  }
  throw new Error(`not within ${limitMs} ms: ${what}${last ? ` (${(last as Error).message})` : ''}`);
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
