// The real queue as the model's commands speak to it: cogo_api by the server or with a worker token, and looks into the tables by the
// superuser.
import type { Rpc } from '@cogo/client/rpc.ts';
import type { TestDatabase } from '@cogo/stack/testing.ts';

export interface Claimed {
  job_id: string;
  token: string;
  attempt?: number;
  checkpoint?: unknown;
  cancel_requested?: boolean;
  steps?: Record<string, unknown>;
  children?: { job_id: string; state: string; result: { by?: string } | null }[];
}

export interface Verdict {
  job_id: string;
  verdict: string;
  state?: string | null;
}

/** A job's row, as the invariants see it. */
export interface JobRow {
  id: string;
  project_id: string;
  type: string;
  lane: string;
  state: string;
  blocked_on: string | null;
  lease_token: string | null;
  executor_id: string | null;
  pinned_executor_id: string | null;
  concurrency_key: string | null;
  parent_id: string | null;
  attempt: number;
  failures: number;
  lease_losses: number;
  releases: number;
  pending_children: number;
}

const ROW = `id, project_id, type, lane, state, blocked_on, lease_token::text, executor_id, pinned_executor_id, concurrency_key,
  parent_id, attempt, failures, lease_losses, releases, pending_children`;

/** What a refused call answers: its SQLSTATE. */
export class Refused extends Error {
  readonly sqlstate: string;

  constructor(sqlstate: string, message: string) {
    super(`${sqlstate} ${message}`);
    this.sqlstate = sqlstate;
  }
}

/** Has a worker token of the first project; all other executors are the server's. */
export const TOKEN_WORKER = 'cogo-work.t4';

export class RealQueue {
  readonly #db: TestDatabase;
  readonly projects: string[] = [];
  #worker: Rpc | null = null;

  constructor(db: TestDatabase) {
    this.#db = db;
  }

  /** An empty queue with two projects. The first has small limits: two ready jobs a lane, and a rate on index.file. */
  async reset(): Promise<void> {
    const tables = await this.#db.sql<{ name: string }>(`
      select format('%I.%I', schemaname, tablename) as name from pg_tables
       where (schemaname = 'cogo' and (tablename like 'job%' or tablename = 'executors') and tablename not in ('job_types', 'job_kinds'))
          or (schemaname = 'realtime' and tablename = 'messages')
       union all select 'pgmq.q_' || queue_name from cogo.lanes`);
    await this.#db.sql(`truncate ${tables.map((table) => table.name).join(', ')} cascade`);
    this.projects.length = 0;
    for (const name of ['first', 'second']) {
      this.projects.push((await this.call<{ id: string }>('create_project($1::text)', [name])).id);
    }
    await this.limit(0, { kind: 'project', ready_share: 2 });
    await this.limit(0, { kind: 'rate', key: 'index.file', per_minute: 1 });
    const { token } = await this.call<{ token: string }>(
      `create_token($1::uuid, 'worker', 'model', 'cogo-work')`,
      [this.projects[0]],
    );
    this.#worker = this.#db.rpc('anon', undefined, { 'x-cogo-token': token });
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

  enqueue(project: number, jobs: object[]): Promise<{ job_id: string; state: string; duplicate: boolean }[]> {
    return this.call('enqueue($1::uuid, $2::text::jsonb)', [this.projects[project], JSON.stringify(jobs)]);
  }

  async claim(
    executor: string,
    qty: number,
    o: { types?: string[] | null; epoch?: number | null } = {},
  ): Promise<Claimed[]> {
    const { types = null, epoch = null } = o;
    if (executor !== TOKEN_WORKER) {
      return this.call('claim($1::text, $2::int, 60, $3::text[], $4::int)', [executor, qty, types, epoch]);
    }
    const args = { executor_id: executor, qty, lease_s: 60, include_types: types };
    const got = await this.#worker!.call<Claimed[]>('claim', args);
    if (!got.ok) throw new Refused(got.error.sqlstate ?? '', got.error.message);
    return got.value;
  }

  beat(executor: string, lease: object, epoch: number | null = null): Promise<Verdict[]> {
    return this.call('beat($1::text, $2::text::jsonb, $3::int)', [executor, JSON.stringify([lease]), epoch]);
  }

  finish(lease: object): Promise<Verdict[]> {
    return this.call('finish($1::text::jsonb)', [JSON.stringify([lease])]);
  }

  turn(
    executor: string,
    lease: object,
    qty: number,
    epoch: number | null,
  ): Promise<{ verdicts: Verdict[]; jobs: Claimed[] }> {
    return this.call('turn($1::text, $2::text::jsonb, $3::int, 60, null, $4::int)', [
      executor,
      JSON.stringify([lease]),
      qty,
      epoch,
    ]);
  }

  fail(lease: object): Promise<Verdict[]> {
    return this.call('fail($1::text::jsonb)', [JSON.stringify([lease])]);
  }

  release(lease: object): Promise<Verdict[]> {
    return this.call('release($1::text::jsonb)', [JSON.stringify([lease])]);
  }

  cancel(job: string, children: boolean): Promise<{ state: string; children: number }> {
    return this.call('cancel($1::uuid, $2::boolean)', [job, children]);
  }

  redrive(job: string): Promise<{ job_id: string; duplicate: boolean }> {
    return this.call('redrive($1::uuid)', [job]);
  }

  pin(job: string, executor: string | null): Promise<{ state: string }> {
    return this.call('pin($1::uuid, $2::text)', [job, executor]);
  }

  limit(project: number, limit: object): Promise<unknown> {
    return this.call('set_job_limit($1::uuid, $2::text::jsonb)', [
      this.projects[project],
      JSON.stringify(limit),
    ]);
  }

  register(executor: string, instance: string): Promise<{ epoch: number }> {
    const kind = executor.startsWith('cogo-plan') ? 'cogo-plan' : 'cogo-work';
    return this.call('register_executor($1::text, $2::text::jsonb)', [
      executor,
      JSON.stringify({ kind, instance, beat_s: 5 }),
    ]);
  }

  async sweep(): Promise<void> {
    await this.call('sweep()');
  }

  status(job: string): Promise<{ result: { by?: string } | null; state: string }> {
    return this.call('job_status($1::uuid)', [job]);
  }

  /** The lease of one job ends as if no beat had come. */
  async lapse(job: string): Promise<void> {
    await this.#db.sql(
      `update cogo.jobs set lease_until = clock_timestamp() - interval '1 second' where id = $1 and state = 'running'`,
      [job],
    );
  }

  /** Nobody hears of the executor for longer than it promised. */
  async silence(executor: string): Promise<void> {
    await this.#db.sql(
      `update cogo.executors set last_seen = clock_timestamp() - interval '1 minute' where id = $1`,
      [executor],
    );
  }

  async endDelays(): Promise<void> {
    await this.#db.sql(`update cogo.jobs set run_at = clock_timestamp() where state = 'scheduled'`);
  }

  /** Somebody empties the ready lists in Studio. */
  async purge(): Promise<void> {
    const lanes = await this.lanes();
    await this.#db.sql(`truncate ${lanes.map((lane) => `pgmq.q_${lane.queue_name}`).join(', ')}`);
  }

  async rebuild(): Promise<void> {
    for (const lane of await this.lanes()) await this.call('rebuild_lane($1::text)', [lane.name]);
  }

  /** What waits has waited long enough for the sweep to look whether its message is still there. */
  async reconcileNow(): Promise<void> {
    await this.#db.sql(
      `update cogo.jobs set queued_at = clock_timestamp() - interval '1 minute' where state = 'queued'`,
    );
    await this.#db.sql(`update cogo.lanes set reconciled_at = '-infinity'`);
    await this.sweep();
  }

  /** What housekeeping does with jobs that are over, without the hour it gives them. */
  async moveToHistory(): Promise<void> {
    await this.#db.sql(`select cogo.move_to_history(100, interval '-1 second')`);
  }

  lanes(): Promise<{ name: string; queue_name: string }[]> {
    return this.#db.sql('select name, queue_name from cogo.lanes order by name');
  }

  jobs(): Promise<JobRow[]> {
    return this.#db.sql<JobRow>(
      `select ${ROW} from cogo.jobs union all select ${ROW} from cogo.jobs_history`,
    );
  }

  /** Outputs of steps by job and name. */
  async steps(): Promise<Map<string, Record<string, unknown>>> {
    const rows = await this.#db.sql<{ job_id: string; kept: Record<string, unknown> }>(
      'select job_id, jsonb_object_agg(name, output) as kept from cogo.job_steps group by job_id',
    );
    return new Map(rows.map((row) => [row.job_id, row.kept]));
  }

  lines(sql: string): Promise<{ what: string }[]> {
    return this.#db.sql(sql);
  }
}
