// Each pair of verbs on one job, the second begun while the first is done but not committed, and the same with the first rolled back.
// Needs COGO_TEST_DB (PGlite is one session).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import postgres from 'postgres';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';

const server = process.env['COGO_TEST_DB'];
const skip = server ? false : 'PGlite is one session; set COGO_TEST_DB';

/** What may be done to a job that runs, and to one that waits in the queue; $1 is its lease, $2 its id. */
const LEASE = `jsonb_build_array($1::jsonb)`;
const RUNNING: Record<string, string> = {
  beat: `select cogo_api.beat('holder', ${LEASE})`,
  finish: `select cogo_api.finish(${LEASE})`,
  fail: `select cogo_api.fail(${LEASE})`,
  bury: `select cogo_api.fail(jsonb_build_array($1::jsonb || '{"retryable":false}'))`,
  release: `select cogo_api.release(${LEASE})`,
  await: `select cogo_api.release(jsonb_build_array($1::jsonb || '{"await":true}'))`,
  cancel: `select cogo_api.cancel($2::uuid)`,
  sweep: `select cogo_api.sweep()`,
  register: `select cogo_api.register_executor('holder', '{"kind":"cogo-work","instance":"another"}')`,
};
const QUEUED: Record<string, string> = {
  claim: `select cogo_api.claim('other', 10)`,
  narrow: `select cogo_api.claim('other', 10, 30, array['code.*'])`,
  cancel: `select cogo_api.cancel($2::uuid)`,
  pin: `select cogo_api.pin($2::uuid, 'other')`,
  sweep: `select cogo_api.sweep()`,
  rebuild: `select cogo_api.rebuild_lane('cogo-work/default/1')`,
};

let place: TestDatabase;
let first: postgres.Sql;
let second: postgres.Sql;
let project: string;

before(async () => {
  if (skip) return;
  place = await openTestDatabase();
  const [name] = await place.sql<{ name: string }>('select current_database() as name');
  const url = new URL(server!);
  url.pathname = `/${name!.name}`;
  first = postgres(url.href, { max: 1, onnotice: () => {} });
  second = postgres(url.href, { max: 1, onnotice: () => {} });
  const [made] = await place.sql<{ id: string }>(`select cogo_api.create_project('Pairs') ->> 'id' as id`);
  project = made!.id;
});
after(async () => {
  await first?.end();
  await second?.end();
  await place?.close();
});

for (const verbs of [RUNNING, QUEUED]) {
  for (const one of Object.keys(verbs)) {
    test(`${one} of a ${verbs === RUNNING ? 'running' : 'queued'} job, and each other verb meanwhile`, {
      skip,
    }, async () => {
      for (const other of Object.keys(verbs)) {
        for (const end of ['commit', 'rollback']) await race(verbs, one, other, end);
      }
    });
  }
}

async function race(verbs: Record<string, string>, one: string, other: string, end: string): Promise<void> {
  const label = `${one} (${end}) / ${other}`;
  await place.sql(`delete from cogo.jobs`);
  await place.sql(`delete from cogo.job_slots`);
  await place.sql(`delete from pgmq.q_cogo_work_default_1`);
  await place.sql(`update cogo.lanes set reconciled_at = '-infinity'`);
  const jobs = [1, 2].map(() => ({ type: 'code.debug', concurrency_key: 'k' }));
  const [made] = await place.sql<{ id: string }>(
    `select cogo_api.enqueue($1::uuid, $2::jsonb) #>> '{0,job_id}' as id`,
    [project, jobs],
  );
  const id = made!.id;
  let lease = '{}';
  if (verbs === RUNNING) {
    await place.sql(
      `select cogo_api.register_executor('holder', '{"kind":"cogo-work","instance":"holder"}')`,
    );
    const [claimed] = await place.sql<{ lease: string }>(
      `select (cogo_api.claim('holder') -> 0)::text as lease`,
    );
    lease = claimed!.lease;
    if (one === 'sweep' || other === 'sweep') {
      await place.sql(
        `update cogo.jobs set lease_until = clock_timestamp() - interval '1 second' where state = 'running'`,
      );
    }
  }
  const params = (text: string) => [
    ...(text.includes('$1') ? [lease] : []),
    ...(text.includes('$2') ? [id] : []),
  ];
  const run = async (sql: postgres.Sql, text: string) => {
    const numbered = text.includes('$1') ? text : text.replaceAll('$2', '$1');
    try {
      await sql.unsafe(numbered, params(text));
    } catch (error) {
      const state = (error as { code?: string }).code ?? '';
      assert.match(state, /^CG0/, `${label}: ${state} ${String(error)}`);
      if (sql === first) throw error;
    }
  };
  await first.unsafe('begin');
  try {
    await run(first, verbs[one]!);
  } catch {
    await first.unsafe('rollback');
    return;
  }
  let done = false;
  const running = run(second, verbs[other]!).finally(() => {
    done = true;
  });
  let waits = false;
  while (!done && !waits) waits = await waitsForLock();
  await first.unsafe(end);
  await running;
  await place.sql(`select cogo_api.sweep()`);
  await check(label);
}

async function waitsForLock(): Promise<boolean> {
  const rows = await place.sql(
    `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return rows.length > 0;
}

/** What holds whenever nothing is under way. */
async function check(label: string): Promise<void> {
  const wrong = await place.sql<{ what: string }>(`
    select 'outcomes of ' || e.job_id as what from cogo.job_events e
     where e.kind in ('job.done', 'job.cancelled', 'job.error') group by e.job_id having count(*) > 1
    union all
    select format('%s slots used, %s held', s.used, (select count(*) from cogo.jobs j
             where j.concurrency_key = s.key and j.state in ('queued', 'running')))
      from cogo.job_slots s
     where s.used <> (select count(*) from cogo.jobs j where j.concurrency_key = s.key and j.state in ('queued', 'running'))
    union all
    select 'a free slot and a job blocked on it' from cogo.job_slots s
     where s.used < s.slots and exists (select from cogo.jobs j where j.concurrency_key = s.key and j.blocked_on = 'slot')
    union all
    select 'queued without a message: ' || j.id from cogo.jobs j
     where j.state = 'queued' and j.pinned_executor_id is null
       and not exists (select from pgmq.q_cogo_work_default_1 q where q.msg_id = j.msg_id and q.message ->> 'j' = j.id::text)
    union all
    select 'attempts of ' || a.job_id from cogo.attempts a group by a.job_id having count(*) <> max(a.attempt)`);
  // A message lost to a rollback or a purge is re-sent ten seconds later; make it so.
  const real = wrong.filter((row) => !row.what.startsWith('queued without'));
  assert.deepEqual(real, [], label);
  if (wrong.length > real.length) {
    await place.sql(
      `update cogo.jobs set queued_at = clock_timestamp() - interval '11 seconds' where state = 'queued'`,
    );
    await place.sql(`update cogo.lanes set reconciled_at = '-infinity'`);
    const [swept] = await place.sql<{ resent: string }>(`select cogo_api.sweep() ->> 'resent' as resent`);
    assert.equal(Number(swept!.resent), wrong.length - real.length, label);
  }
}
