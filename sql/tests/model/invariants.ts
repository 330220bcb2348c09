import assert from 'node:assert/strict';
import { isOver, type Model } from './model.ts';
import type { JobRow, RealQueue } from './queue.ts';

const WAITING = ['scheduled', 'blocked', 'queued'];

/** Lines that must not be there, whatever was called. */
const ALWAYS = `
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
     select count(*) as done from cogo.job_outcomes o where o.job_id = j.id and o.state = 'succeeded') n
   where n.done <> case when j.state = 'succeeded' then 1 else 0 end
  union all
  select n.over || ' ends of ' || j.id
    from cogo.jobs j
   cross join lateral (
     select count(*) as over from cogo.job_outcomes o where o.job_id = j.id) n
   where n.over <> case when j.finished_at is null then 0 else 1 end
  union all
  select 'slots of ' || s.key || ': ' || s.used || ' counted, ' || n.held || ' held'
    from cogo.job_slots s
   cross join lateral (
     select count(*) as held from cogo.jobs j
      where j.project_id = s.project_id and j.concurrency_key = s.key and j.state in ('queued', 'running')) n
   where n.held <> s.used
  union all
  select 'blocked on children that are over: ' || j.id
    from cogo.jobs j where j.blocked_on = 'children' and j.pending_children = 0
  union all
  select 'dead without a letter: ' || j.id
    from cogo.jobs j where (j.state = 'dead') <> exists (select from cogo.job_dead d where d.job_id = j.id)`;

/** What a sweep leaves to nobody. */
const AFTER_SWEEP = `
  select 'a slot is free and a job waits for it: ' || s.key as what
    from cogo.job_slots s
   where s.used < s.slots
     and exists (select from cogo.jobs j where j.project_id = s.project_id and j.concurrency_key = s.key and j.blocked_on = 'slot')
  union all
  select 'due and not admitted: ' || j.id from cogo.jobs j where j.state = 'scheduled' and j.run_at < clock_timestamp() - interval '1 second'
  union all
  select 'a lease that ran out: ' || j.id from cogo.jobs j where j.state = 'running' and j.lease_until < clock_timestamp() - interval '1 second'`;

/** The invariants that hold after every command. */
export async function holds(model: Model, real: RealQueue): Promise<void> {
  assert.deepEqual(
    (await real.lines(ALWAYS)).map((line) => line.what),
    [],
  );
  const rows = await real.jobs();
  const steps = await real.steps();
  const byId = new Map(rows.map((row) => [row.id, row]));
  assert.equal(byId.size, rows.length, 'a job is there twice');
  assert.equal(rows.length, model.jobs.length, 'a job is lost, or one appeared');
  for (const job of model.jobs) {
    const row = byId.get(job.id);
    assert.ok(row, `job ${job.id} is lost`);
    if (!isOver(job)) assert.deepEqual(steps.get(job.id) ?? {}, Object.fromEntries(job.steps), 'steps');
    assert.deepEqual(
      {
        state: WAITING.includes(row.state) ? 'waiting' : row.state,
        token: row.lease_token,
        pin: row.pinned_executor_id,
        attempts: row.attempt,
        failures: row.failures,
        releases: row.releases,
        awaiting: row.blocked_on === 'children',
        // what a job that is over waits for, or lost last, is nobody's concern
        pending: isOver(job) ? 0 : row.pending_children,
        losses: job.state === 'cancelled' ? 0 : row.lease_losses,
      },
      {
        state: job.state,
        token: job.token,
        pin: job.pin,
        attempts: job.granted.length,
        failures: job.failures,
        releases: job.releases,
        awaiting: job.awaiting,
        pending: isOver(job) ? 0 : model.pending(job.id),
        losses: job.state === 'cancelled' ? 0 : job.losses,
      },
      `job ${job.id} (${job.type})`,
    );
  }
  if (model.settled)
    assert.deepEqual(
      (await real.lines(AFTER_SWEEP)).map((line) => line.what),
      [],
    );
  keepsSlots(model, real, rows);
}

/** Nothing is admitted past the slots of a key; jobs that were admitted before the limit was lowered go on. */
function keepsSlots(model: Model, real: RealQueue, rows: readonly JobRow[]): void {
  const used = new Map<string, number>();
  for (const row of rows) {
    if (row.concurrency_key === null || !['queued', 'running'].includes(row.state)) continue;
    const key = `${real.projects.indexOf(row.project_id)}/${row.concurrency_key}`;
    used.set(key, (used.get(key) ?? 0) + 1);
  }
  for (const [key, n] of used) {
    const slots = model.slots.get(key) ?? 1;
    const before = model.used.get(key) ?? 0;
    assert.ok(n <= Math.max(slots, before), `${n} jobs of ${key} are queued or run, of ${slots}`);
  }
  model.used.clear();
  for (const [key, n] of used) model.used.set(key, n);
}
