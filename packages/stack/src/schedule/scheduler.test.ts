import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { openTestDatabase, type TestDatabase } from '../testing.ts';
import { createScheduler, needsScheduler, type Scheduler } from './scheduler.ts';

let t: TestDatabase;
let ours: boolean;
let clock = Date.parse('2026-03-01T12:00:00Z');
let scheduler: Scheduler;
const log: string[] = [];

before(async () => {
  t = await openTestDatabase({ migrations: false });
  ours = await needsScheduler(t.db);
  await t.sql('create table ticks (name text, at timestamptz default clock_timestamp())');
});
after(() => t.close());
beforeEach(async () => {
  if (ours) await t.sql('delete from cron.job');
  await t.sql('truncate ticks');
  log.length = 0;
  scheduler = createScheduler({ db: t.db, now: () => clock, log: (line) => log.push(line) });
});

const runs = (status: string) =>
  t.sql('select command, return_message from cron.job_run_details where status = $1::text order by runid', [
    status,
  ]);

test('a job runs when its time has come, not when it is first seen, and its run is recorded', async (context) => {
  if (!ours) return context.skip('pg_cron runs here');
  await t.sql("select cron.schedule('tick', '5 seconds', $$insert into ticks values ('tick')$$)");
  assert.equal(await scheduler.tick(), 0);
  clock += 4_999;
  assert.equal(await scheduler.tick(), 0);
  clock += 1;
  assert.equal(await scheduler.tick(), 1);
  assert.equal((await t.sql('select * from ticks')).length, 1);
  assert.equal((await runs('succeeded')).length, 1);
});

test('runs missed while the place slept do not pile up', async (context) => {
  if (!ours) return context.skip('pg_cron runs here');
  await t.sql("select cron.schedule('tick', '* * * * *', $$insert into ticks values ('tick')$$)");
  await scheduler.tick();
  clock += 10 * 60_000;
  assert.equal(await scheduler.tick(), 1);
  assert.equal(await scheduler.tick(), 0);
});

test('a failing job is recorded with its message, changes nothing, and stops no other', async (context) => {
  if (!ours) return context.skip('pg_cron runs here');
  await t.sql("select cron.schedule('bad', '1 second', $$insert into ticks values ('bad'); select 1 / 0$$)");
  await t.sql("select cron.schedule('good', '1 second', $$insert into ticks values ('good')$$)");
  await scheduler.tick();
  clock += 1_000;
  assert.equal(await scheduler.tick(), 2);
  assert.deepEqual(await t.sql('select name from ticks'), [{ name: 'good' }]);
  assert.deepEqual((await runs('failed')).at(-1), {
    command: "insert into ticks values ('bad'); select 1 / 0",
    return_message: 'ERROR: division by zero',
  });
  assert.equal(log.length, 1);
});

test('an inactive or removed job does not run, and old runs are pruned', async (context) => {
  if (!ours) return context.skip('pg_cron runs here');
  const [job] = await t.sql<{ id: string }>("select cron.schedule('tick', '1 second', $$select 1$$) as id");
  const id = String(job?.id);
  await t.sql(
    `insert into cron.job_run_details (jobid, command, status) select $1::text::bigint, 'old', 'succeeded' from generate_series(1, 150)`,
    [id],
  );
  await scheduler.tick();
  clock += 1_000;
  assert.equal(await scheduler.tick(), 1);
  const [kept] = await t.sql(
    'select count(*)::int as n from cron.job_run_details where jobid = $1::text::bigint',
    [id],
  );
  assert.deepEqual(kept, { n: 100 });
  await t.sql('select cron.alter_job($1::text::bigint, active => false)', [id]);
  clock += 1_000;
  assert.equal(await scheduler.tick(), 0);
});
