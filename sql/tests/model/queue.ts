// The real queue as the model's commands speak to it: cogo_api by the server, and looks into the tables by the superuser.
import type { TestDatabase } from '@cogo/stack/testing.ts';

export interface Claimed {
  job_id: string;
  token: string;
}

export interface Verdict {
  job_id: string;
  verdict: string;
  state?: string | null;
}

/** A job's row, as the invariants see it. */
export interface JobRow {
  id: string;
  state: string;
  lease_token: string | null;
  pinned_executor_id: string | null;
  concurrency_key: string | null;
}

/** What a refused call answers: its SQLSTATE. */
export class Refused extends Error {
  readonly sqlstate: string;

  constructor(sqlstate: string, message: string) {
    super(`${sqlstate} ${message}`);
    this.sqlstate = sqlstate;
  }
}

export class RealQueue {
  readonly #db: TestDatabase;
  project = '';

  constructor(db: TestDatabase) {
    this.#db = db;
  }

  /** An empty queue with a project of its own. */
  async reset(): Promise<void> {
    const tables = await this.#db.sql<{ name: string }>(`
      select format('%I.%I', schemaname, tablename) as name from pg_tables
       where (schemaname = 'cogo' and tablename like 'job%' and tablename not in ('job_types', 'job_kinds'))
          or (schemaname = 'realtime' and tablename = 'messages')
       union all select 'pgmq.q_' || queue_name from cogo.lanes`);
    await this.#db.sql(`truncate ${tables.map((table) => table.name).join(', ')} cascade`);
    this.project = (await this.call<{ id: string }>('create_project($1::text)', ['model'])).id;
  }

  /** Throws `Refused` when the function raises. Without a request context the superuser is the server. */
  async call<T>(text: string, params: unknown[] = []): Promise<T> {
    try {
      const [row] = await this.#db.sql<{ v: string }>(`select cogo_api.${text}::text as v`, params);
      return JSON.parse(row!.v) as T;
    } catch (error) {
      const { code, message } = error as { code?: string; message: string };
      if (code?.startsWith('CG')) throw new Refused(code, message);
      throw error;
    }
  }

  /** The SQLSTATE of a refusal, null when the call went through. */
  async refusal(call: Promise<unknown>): Promise<string | null> {
    try {
      await call;
      return null;
    } catch (error) {
      if (error instanceof Refused) return error.sqlstate;
      throw error;
    }
  }

  enqueue(job: object): Promise<{ job_id: string; state: string; duplicate: boolean }[]> {
    return this.call('enqueue($1::uuid, $2::text::jsonb)', [this.project, JSON.stringify([job])]);
  }

  claim(executor: string, qty: number): Promise<Claimed[]> {
    return this.call('claim($1::text, $2::int, 60)', [executor, qty]);
  }

  beat(executor: string, lease: Claimed): Promise<Verdict[]> {
    return this.call('beat($1::text, $2::text::jsonb)', [executor, JSON.stringify([lease])]);
  }

  finish(lease: Claimed, result: object): Promise<Verdict[]> {
    return this.call('finish($1::text::jsonb)', [JSON.stringify([{ ...lease, result }])]);
  }

  fail(lease: Claimed, retryable: boolean, retryAfterS: number): Promise<Verdict[]> {
    const error = { code: 'model', message: 'as the model says' };
    return this.call('fail($1::text::jsonb)', [
      JSON.stringify([{ ...lease, error, retryable, retry_after_s: retryAfterS }]),
    ]);
  }

  release(lease: Claimed): Promise<Verdict[]> {
    return this.call('release($1::text::jsonb)', [JSON.stringify([lease])]);
  }

  cancel(job: string): Promise<{ state: string }> {
    return this.call('cancel($1::uuid)', [job]);
  }

  redrive(job: string): Promise<{ job_id: string; duplicate: boolean }> {
    return this.call('redrive($1::uuid)', [job]);
  }

  pin(job: string, executor: string | null): Promise<{ state: string }> {
    return this.call('pin($1::uuid, $2::text)', [job, executor]);
  }

  async sweep(): Promise<void> {
    await this.call('sweep()');
  }

  result(job: string): Promise<{ result: { by?: string } | null; state: string }> {
    return this.call('job_status($1::uuid)', [job]);
  }

  /** The lease of one job ends as if no beat had come. */
  async lapse(job: string): Promise<void> {
    await this.#db.sql(
      `update cogo.jobs set lease_until = clock_timestamp() - interval '1 second' where id = $1 and state = 'running'`,
      [job],
    );
  }

  async endDelays(): Promise<void> {
    await this.#db.sql(`update cogo.jobs set run_at = clock_timestamp() where state = 'scheduled'`);
  }

  /** Somebody empties the ready lists in Studio; the lanes are rebuilt from the jobs. */
  async purge(): Promise<void> {
    const lanes = await this.#db.sql<{ name: string; queue_name: string }>(
      'select name, queue_name from cogo.lanes',
    );
    await this.#db.sql(`truncate ${lanes.map((lane) => `pgmq.q_${lane.queue_name}`).join(', ')}`);
    for (const lane of lanes) await this.call('rebuild_lane($1::text)', [lane.name]);
  }

  jobs(): Promise<JobRow[]> {
    return this.#db.sql<JobRow>(
      'select id, state, lease_token::text, pinned_executor_id, concurrency_key from cogo.jobs',
    );
  }

  /** Lines that must not be there, whatever was called. */
  async violations(): Promise<string[]> {
    const rows = await this.#db.sql<{ what: string }>(`
      select 'one token on two jobs: ' || j.lease_token as what
        from cogo.jobs j where j.lease_token is not null group by j.lease_token having count(*) > 1
      union all
      select 'the live attempt is closed already: ' || j.id
        from cogo.jobs j join cogo.job_attempts a on a.job_id = j.id
       where j.state in ('running', 'succeeded') and a.attempt >= j.attempt
      union all
      select 'an attempt has vanished: ' || j.id
        from cogo.jobs j
       where j.attempt <> (select count(*) from cogo.attempts a where a.job_id = j.id)
      union all
      select n.done || ' recorded successes of a job that is ' || j.state || ': ' || j.id
        from cogo.jobs j
       cross join lateral (
         select count(*) as done from cogo.job_events e where e.job_id = j.id and e.kind = 'job.done') n
       where n.done <> case when j.state = 'succeeded' then 1 else 0 end
      union all
      select 'slots of ' || s.key || ': ' || s.used || ' of ' || s.slots || ' counted, ' || n.held || ' held'
        from cogo.job_slots s
       cross join lateral (
         select count(*) as held from cogo.jobs j
          where j.project_id = s.project_id and j.concurrency_key = s.key and j.state in ('queued', 'running')) n
       where n.held <> s.used or s.used > s.slots`);
    return rows.map((row) => row.what);
  }
}
