// Each pair of verbs on one job, the second begun while the first is done but not committed, and the same with the first rolled back.
// Needs COGO_TEST_DB (PGlite is one session).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import postgres from 'postgres';
import { KEEP_OUTCOMES } from '../outcomes.ts';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';

const server = process.env['COGO_TEST_DB'];
const skip = server ? false : 'PGlite is one session; set COGO_TEST_DB';

/** What may be done to a job in some state. $1 is its lease, $2 its id, $3 the lease of another, $4 the project. */
type Verbs = Record<string, string>;
const LEASE = `jsonb_build_array($1::jsonb)`;
const saying = (more: object, lease = '$1') =>
  `jsonb_build_array(${lease}::jsonb || '${JSON.stringify(more)}')`;
const CHILDREN = [
  { type: 'code.debug', concurrency_key: 'k' },
  { type: 'code.debug', concurrency_key: 'k2', key: 'one' },
  { type: 'code.debug', concurrency_key: 'a', key: 'another' },
];
const MADE = `'[{"type":"code.debug","concurrency_key":"a","key":"another"},{"type":"code.debug","concurrency_key":"k","key":"one"}]'`;
const SLOTS = `select cogo_api.set_job_limit($4::uuid, '{"kind":"concurrency","key":"k","slots":2}')`;
const HISTORY = `select cogo.move_to_history(100, interval '-1 second')`;
const CHILD = `select cogo_api.enqueue($4::uuid, jsonb_build_array('{"type":"code.debug","concurrency_key":"k"}'::jsonb || jsonb_build_object('parent_id', $2::uuid)))`;

const RUNNING: Verbs = {
  beat: `select cogo_api.beat('holder', ${LEASE})`,
  'old beat': `select cogo_api.beat('holder', ${LEASE}, 0)`,
  finish: `select cogo_api.finish(${LEASE})`,
  turn: `select cogo_api.turn('other', ${LEASE}, 5)`,
  'finish with children': `select cogo_api.finish(${saying({ children: CHILDREN })})`,
  'finish awaiting children': `select cogo_api.finish(${saying({ children: CHILDREN, await: true })})`,
  fail: `select cogo_api.fail(${LEASE})`,
  bury: `select cogo_api.fail(${saying({ retryable: false })})`,
  release: `select cogo_api.release(${LEASE})`,
  await: `select cogo_api.release(${saying({ await: true, steps: [{ name: 's', output: 1 }] })})`,
  cancel: `select cogo_api.cancel($2::uuid)`,
  sweep: `select cogo_api.sweep()`,
  register: `select cogo_api.register_executor('holder', '{"kind":"cogo-work","instance":"another"}')`,
  enqueue: `select cogo_api.enqueue($4::uuid, ${MADE})`,
  'enqueue a child': CHILD,
  limit: SLOTS,
  history: HISTORY,
  housekeeping: 'select cogo.housekeeping()',
};
const QUEUED: Verbs = {
  claim: `select cogo_api.claim('other', 10)`,
  narrow: `select cogo_api.claim('other', 10, 30, array['code.*'])`,
  'claim of another': `select cogo_api.claim('third', 10, 30, null, 1)`,
  cancel: `select cogo_api.cancel($2::uuid)`,
  pin: `select cogo_api.pin($2::uuid, 'other')`,
  unpin: `select cogo_api.pin($2::uuid, null)`,
  sweep: `select cogo_api.sweep()`,
  rebuild: `select cogo_api.rebuild_lane('cogo-work/default/1')`,
  enqueue: `select cogo_api.enqueue($4::uuid, ${MADE})`,
  'enqueue a child': CHILD,
  limit: SLOTS,
};
const DEAD: Verbs = {
  redrive: `select cogo_api.redrive($2::uuid)`,
  cancel: `select cogo_api.cancel($2::uuid)`,
  'enqueue a child': CHILD,
  sweep: `select cogo_api.sweep()`,
  claim: `select cogo_api.claim('other', 10)`,
  'cancel the parent': `select cogo_api.cancel((select j.parent_id from cogo.jobs j where j.id = $2::uuid))`,
  housekeeping: 'select cogo.housekeeping()',
  limit: SLOTS,
};
/** A job that awaits two running children: $1 and $3 are their leases, $2 is the parent. */
const FAMILY: Verbs = {
  'finish one': `select cogo_api.finish(${LEASE})`,
  'finish the other': `select cogo_api.finish(jsonb_build_array($3::jsonb))`,
  'finish both': `select cogo_api.finish(jsonb_build_array($3::jsonb, $1::jsonb))`,
  'bury one': `select cogo_api.fail(${saying({ retryable: false })})`,
  'the other has children': `select cogo_api.finish(${saying({ children: CHILDREN }, '$3')})`,
  'the other awaits children': `select cogo_api.release(${saying({ children: CHILDREN, await: true }, '$3')})`,
  'cancel all': `select cogo_api.cancel($2::uuid)`,
  'cancel the parent': `select cogo_api.cancel($2::uuid, false)`,
  'enqueue a child': CHILD,
  sweep: `select cogo_api.sweep()`,
  claim: `select cogo_api.claim('other', 10)`,
  rebuild: `select cogo_api.rebuild_lane('cogo-work/default/1')`,
  limit: SLOTS,
};
const SCENES = { running: RUNNING, queued: QUEUED, dead: DEAD, awaiting: FAMILY };
type Scene = keyof typeof SCENES;

let place: TestDatabase;
let first: postgres.Sql;
let second: postgres.Sql;
let project: string;

before(async () => {
  if (skip) return;
  place = await openTestDatabase();
  await place.db.exec(KEEP_OUTCOMES);
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

for (const [scene, verbs] of Object.entries(SCENES) as [Scene, Verbs][]) {
  for (const one of Object.keys(verbs)) {
    test(`${one} where a job is ${scene}, and each other verb meanwhile`, { skip }, async () => {
      for (const other of Object.keys(verbs)) {
        for (const end of ['commit', 'rollback']) await race(scene, one, other, end);
      }
    });
  }
}

interface Job {
  id: string;
  /** The lease of it, or of its children. */
  leases: string[];
}

/** Two jobs of one key, the first in the state of the scene. */
async function begin(scene: Scene): Promise<Job> {
  await place.sql(
    `truncate cogo.jobs, cogo.jobs_history, cogo.job_payloads, cogo.job_attempts, cogo.job_keys, cogo.job_slots, cogo.job_dead,
       cogo.job_events, pgmq.q_cogo_work_default_1`,
  );
  await place.sql(`update cogo.lanes set reconciled_at = '-infinity'`);
  const claim = async (executor: string, qty: number) =>
    (
      await place.sql<{ lease: string }>(
        `select c::text as lease from jsonb_array_elements(cogo_api.claim($1, $2)) c`,
        [executor, qty],
      )
    ).map((row) => row.lease);
  const enqueue = async (jobs: object[]) => {
    const [made] = await place.sql<{ id: string }>(
      `select cogo_api.enqueue($1::uuid, $2::jsonb) #>> '{0,job_id}' as id`,
      [project, jobs],
    );
    return made!.id;
  };
  await place.sql(`select cogo_api.register_executor('holder', '{"kind":"cogo-work","instance":"holder"}')`);
  const keyed = { type: 'code.debug', concurrency_key: 'k' };
  if (scene === 'awaiting') {
    const id = await enqueue([keyed]);
    const [lease] = await claim('holder', 1);
    const jobs = [{ type: 'code.debug' }, { ...keyed }];
    await place.sql(`select cogo_api.release(jsonb_build_array($1::jsonb || $2::jsonb))`, [
      JSON.parse(lease!),
      { await: true, children: jobs },
    ]);
    return { id, leases: await claim('holder', 2) };
  }
  if (scene === 'dead') {
    const parent = await enqueue([{ type: 'code.debug', pin: 'nobody' }]);
    const id = await enqueue([{ ...keyed, parent_id: parent }, keyed]);
    const [lease] = await claim('holder', 1);
    await place.sql(`select cogo_api.fail(jsonb_build_array($1::jsonb || '{"retryable":false}'))`, [
      JSON.parse(lease!),
    ]);
    return { id, leases: [] };
  }
  const id = await enqueue([keyed, keyed]);
  return { id, leases: scene === 'running' ? await claim('holder', 1) : [] };
}

async function race(scene: Scene, one: string, other: string, end: string): Promise<void> {
  const verbs = SCENES[scene];
  const label = `${one} (${end}) / ${other}`;
  const { id, leases } = await begin(scene);
  if (leases.length > 0 && (one === 'sweep' || other === 'sweep')) {
    await place.sql(
      `update cogo.jobs set lease_until = clock_timestamp() - interval '1 second' where state = 'running'`,
    );
  }
  const values: Record<string, string> = {
    $1: leases[0] ?? '{}',
    $2: id,
    $3: leases[1] ?? '{}',
    $4: project,
  };
  const run = async (sql: postgres.Sql, text: string) => {
    const used = Object.keys(values).filter((name) => text.includes(name));
    const numbered = text.replace(/\$\d/g, (name) => `$${used.indexOf(name) + 1}`);
    try {
      await sql.unsafe(
        numbered,
        used.map((name) => values[name]!),
      );
    } catch (error) {
      const state = (error as { code?: string }).code ?? '';
      assert.match(state, /^CG0/, `${label}: ${state} ${String(error)}`);
      if (sql === first) throw error;
    }
  };
  await first.unsafe('begin');
  try {
    await run(first, verbs[one]!);
  } catch (error) {
    await first.unsafe('rollback');
    if (error instanceof assert.AssertionError) throw error;
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
    select 'outcomes of ' || o.job_id as what from cogo.job_outcomes o group by o.job_id having count(*) > 1
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
    select 'attempts of ' || j.id from cogo.jobs j
     where j.attempt <> (select count(*) from cogo.attempts a where a.job_id = j.id)
    union all
    select format('%s children of %s pending, %s counted', n.left, p.id, p.pending_children)
      from cogo.jobs p
     cross join lateral (select count(*) as left from cogo.jobs c where c.parent_id = p.id and c.finished_at is null) n
     where p.finished_at is null and n.left <> p.pending_children
    union all
    select 'awaits nothing: ' || p.id from cogo.jobs p where p.blocked_on = 'children' and p.pending_children = 0
    union all
    select 'one key, two jobs: ' || p.input from (
      select j.project_id || ' ' || j.concurrency_key as input from cogo.jobs j where j.redriven_from is not null
       group by j.project_id, j.concurrency_key, j.redriven_from having count(*) > 1) p`);
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
