// Two sessions, one of which makes or ends children inside a worker's call. What enqueue locks first, those calls lock first as well,
// so the one waits for the other and neither for ever. Needs COGO_TEST_DB (PGlite is one session).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import postgres from 'postgres';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';

const server = process.env['COGO_TEST_DB'];
const skip = server ? false : 'PGlite is one session; set COGO_TEST_DB';
let place: TestDatabase;
let one: postgres.Sql;
let two: postgres.Sql;
let watcher: postgres.Sql;
let project: string;

before(async () => {
  if (skip) return;
  place = await openTestDatabase();
  const [name] = await place.sql<{ name: string }>('select current_database() as name');
  const url = new URL(server!);
  url.pathname = `/${name!.name}`;
  const open = () => postgres(url.href, { max: 1, onnotice: () => {} });
  [one, two, watcher] = [open(), open(), open()];
  const [made] = await place.sql<{ id: string }>(`select cogo_api.create_project('Children') ->> 'id' as id`);
  project = made!.id;
});
after(async () => {
  for (const sql of [one, two, watcher]) await sql?.end();
  await place?.close();
});

/** A running job and its lease. */
async function running(shape: Record<string, unknown> = {}): Promise<{ id: string; lease: string }> {
  await place.sql(`delete from cogo.jobs`);
  await place.sql(`delete from cogo.job_slots`);
  await place.sql(`delete from cogo.job_keys`);
  await place.sql(`delete from pgmq.q_cogo_work_default_1`);
  const jobs = [{ type: 'code.debug', ...shape }];
  await place.sql(`select cogo_api.enqueue($1::uuid, $2::jsonb)`, [project, jobs]);
  const [claimed] = await place.sql<{ id: string; lease: string }>(
    `select c ->> 'job_id' as id, jsonb_build_object('job_id', c ->> 'job_id', 'token', c ->> 'token')::text as lease
       from (select cogo_api.claim('holder') -> 0 as c) x`,
  );
  return claimed!;
}

async function blocked(): Promise<boolean> {
  const rows = await watcher.unsafe(
    `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return rows.length > 0;
}

/** Ends when `work` does, or waits for a lock; whether it waits. */
async function waits(work: Promise<unknown>): Promise<boolean> {
  let done = false;
  void work.finally(() => {
    done = true;
  });
  while (!done) if (await blocked()) return true;
  return false;
}

const finish = (sql: postgres.Sql, lease: string, more: object) =>
  sql.unsafe(`select cogo_api.finish(jsonb_build_array($1::text::jsonb || $2::text::jsonb)) as answer`, [
    lease,
    JSON.stringify(more),
  ]);
const enqueue = (sql: postgres.Sql, jobs: object[]) =>
  sql.unsafe(`select cogo_api.enqueue($1::uuid, $2::text::jsonb) as answer`, [project, JSON.stringify(jobs)]);

/** What a child and a job enqueued beside it may both need. */
const SHARED: [string, object][] = [
  ['idempotency key', { key: 'same' }],
  ['concurrency key', { concurrency_key: 'same' }],
  ['rate', { rate_key: 'same' }],
];
for (const [what, shape] of SHARED) {
  test(`a child that needs the ${what} an enqueue holds waits before its parent is locked`, {
    skip,
  }, async () => {
    await place.sql(
      `select cogo_api.set_job_limit($1::uuid, '{"kind":"rate","key":"same","per_minute":60000,"burst":1000}')`,
      [project],
    );
    const { id, lease } = await running({ concurrency_key: 'own' });
    await two.unsafe('begin');
    await enqueue(two, [{ type: 'code.debug', ...shape }]);
    const finishing = finish(one, lease, { result: {}, children: [{ type: 'code.debug', ...shape }] });
    const waited = await waits(finishing);
    // The enqueueing session goes on to what finish would hold by now, if it took its own locks first.
    await two.unsafe('set local deadlock_timeout = 100');
    await enqueue(two, [{ type: 'code.debug', parent_id: id, concurrency_key: 'own' }]);
    // The key's own job would make the child a second one of it.
    await two.unsafe('key' in shape ? 'rollback' : 'commit');
    const [row] = await finishing;
    assert.ok(waited, 'both needed the same');
    assert.equal((row!['answer'] as { verdict: string }[])[0]!.verdict, 'ok');
    const [jobs] = await place.sql<{ n: number }>(`select count(*)::int as n from cogo.jobs`);
    assert.equal(jobs!.n, 'key' in shape ? 2 : 4);
  });
}

test('a child made while its parent is cancelled is cancelled too, or not made at all', {
  skip,
}, async () => {
  const { id, lease } = await running({ concurrency_key: 'own' });
  await place.sql(`select cogo_api.enqueue($1::uuid, $2::jsonb)`, [
    project,
    [{ type: 'code.debug', parent_id: id }],
  ]);
  await one.unsafe('begin');
  await one.unsafe(`select cogo_api.release(jsonb_build_array($1::text::jsonb || $2::text::jsonb))`, [
    lease,
    JSON.stringify({ await: true, children: [{ type: 'code.debug', concurrency_key: 'late' }] }),
  ]);
  const cancelling = two.unsafe(`select cogo_api.cancel($1::uuid) as answer`, [id]);
  assert.ok(await waits(cancelling));
  await one.unsafe('commit');
  const [row] = await cancelling;
  assert.equal((row!['answer'] as { children: number }).children, 2);
  assert.deepEqual(await place.sql(`select distinct state from cogo.jobs`), [{ state: 'cancelled' }]);
  assert.deepEqual(await place.sql(`select key from cogo.job_slots where used <> 0`), []);
});

test('cancelling a family while its members finish leaves nothing half over', { skip }, async () => {
  const { id, lease } = await running();
  await finish(one, lease, {
    await: true,
    children: Array.from({ length: 3 }, () => ({ type: 'code.debug', concurrency_key: 'k' })),
  });
  const [claimed] = await place.sql<{ lease: string }>(
    `select (cogo_api.claim('holder') -> 0)::text as lease`,
  );
  await one.unsafe('begin');
  await finish(one, claimed!.lease, { result: {} });
  const cancelling = two.unsafe(`select cogo_api.cancel($1::uuid)`, [id]);
  assert.ok(await waits(cancelling));
  await one.unsafe('commit');
  await cancelling;
  const states = await place.sql<{ state: string; n: number }>(
    `select state, count(*)::int as n from cogo.jobs group by state order by state`,
  );
  assert.deepEqual(states, [
    { state: 'cancelled', n: 3 },
    { state: 'succeeded', n: 1 },
  ]);
  assert.deepEqual(await place.sql(`select key from cogo.job_slots where used <> 0`), []);
  assert.deepEqual(await place.sql(`select id from cogo.jobs where pending_children <> 0`), []);
});
