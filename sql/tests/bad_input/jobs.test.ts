// What the queue does with calls that are wrong: an error that says so, and nothing lost, half-made or taken.
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';

interface Lease {
  job_id: string;
  token: string;
  lease_s: number;
}

let place: TestDatabase;
let project: string;
before(async () => {
  place = await openTestDatabase();
});
after(() => place.close());
beforeEach(async () => {
  project = (await call<{ id: string }>('create_project', { name: `Bad input ${crypto.randomUUID()}` })).id;
});

async function call<T>(fn: string, args: Record<string, unknown> = {}): Promise<T> {
  const result = await place.rpc('service_role').call<T>(fn, args);
  if (!result.ok) throw new Error(`${fn}: ${result.error.sqlstate} ${result.error.message}`);
  return result.value;
}

/** The slug and SQLSTATE a call is refused with. */
async function refusal(fn: string, args: Record<string, unknown>): Promise<string> {
  const result = await place.rpc('service_role').call(fn, args);
  assert.equal(result.ok, false, `${fn} ${JSON.stringify(args).slice(0, 200)} was not refused`);
  assert.ok(!result.ok && result.error.message.length > 10);
  return `${result.error.code} ${result.error.sqlstate}`;
}

const enqueue = (jobs: unknown, more: object = {}) =>
  call<{ job_id: string; state: string; duplicate: boolean }[]>('enqueue', {
    project_id: project,
    jobs,
    ...more,
  });
const refused = (jobs: unknown, more: object = {}) =>
  refusal('enqueue', { project_id: project, jobs, ...more });

async function jobs(): Promise<number> {
  const [row] = await place.sql<{ n: number }>(
    'select count(*)::int as n from cogo.jobs where project_id = $1::uuid',
    [project],
  );
  return row!.n;
}

/** All 10,000 on a server; PGlite is slow and has the same SQL. */
const TRIALS = process.env['COGO_TEST_DB'] ? 10_000 : 500;

let executors = 0;
/** A job that runs, and who runs it. */
async function running(): Promise<{ lease: Lease; executor: string }> {
  const executor = `desk-${++executors}`;
  await enqueue([{ type: 'code.debug', pin: executor }]);
  const [lease] = await call<Lease[]>('claim', { executor_id: executor });
  return { lease: lease!, executor };
}

const one = { type: 'code.debug' };
for (const [what, job, expected] of [
  ['a priority below the bands', { ...one, priority: -1 }, 'validation_failed CG004'],
  ['a priority above the bands', { ...one, priority: 3 }, 'validation_failed CG004'],
  ['a priority that is no number', { ...one, priority: 'high' }, 'bad_request CG000'],
  ['a priority beyond integers', { ...one, priority: 1e12 }, 'bad_request CG000'],
  ['a negative delay', { ...one, delay_s: -0.001 }, 'validation_failed CG004'],
  ['a delay of years', { ...one, delay_s: 1e9 }, 'validation_failed CG004'],
  ['a delay that is not a number', { ...one, delay_s: 'NaN' }, 'bad_request CG000'],
  ['an endless delay', { ...one, delay_s: 'Infinity' }, 'bad_request CG000'],
  ['a delay beyond doubles', { ...one, delay_s: '1e400' }, 'bad_request CG000'],
  ['a type nobody knows', { type: 'make.coffee' }, 'validation_failed CG004'],
  ['no type', {}, 'validation_failed CG004'],
  ['a type of the wrong kind', { type: 7 }, 'validation_failed CG004'],
  ['a payload that is text', { ...one, payload: 'text' }, 'validation_failed CG004'],
  ['a payload over 128 KB', { ...one, payload: { x: 'é'.repeat(70_000) } }, 'payload_too_large CG005'],
  ['a parent that does not exist', { ...one, parent_id: crypto.randomUUID() }, 'validation_failed CG004'],
  ['attempts without end', { ...one, max_attempts: 51 }, 'validation_failed CG004'],
  ['no attempt at all', { ...one, max_attempts: 0 }, 'validation_failed CG004'],
  ['an empty key', { ...one, key: '' }, 'validation_failed CG004'],
  ['a key of kilobytes', { ...one, key: 'k'.repeat(256) }, 'validation_failed CG004'],
  ['a pin that is no executor', { ...one, pin: '../etc' }, 'validation_failed CG004'],
] as const) {
  test(`enqueue refuses ${what}, and all of the call with it`, async () => {
    assert.equal(await refused([one, job, one]), expected);
    assert.equal(await jobs(), 0);
  });
}

test('10,000 jobs in one call are refused as a whole; a thousand are taken', async () => {
  const many = (n: number) => Array.from({ length: n }, () => one);
  assert.equal(await refused(many(10_000)), 'bad_request CG000');
  assert.equal(await refused(many(1001)), 'bad_request CG000');
  assert.equal(await jobs(), 0);
  assert.equal((await enqueue(many(1000))).length, 1000);
  assert.equal(await jobs(), 1000);
});

test('a key twice in a call is one job with the same input, and refused with another', async () => {
  const made = await enqueue([{ ...one, key: 'k' }, { ...one, key: 'k' }, one]);
  assert.deepEqual(
    made.map((job) => job.duplicate),
    [false, true, false],
  );
  assert.equal(made[0]!.job_id, made[1]!.job_id);
  const apart = [
    { ...one, key: 'm' },
    { ...one, key: 'm', payload: { n: 1 } },
  ];
  assert.match(await refused(apart), /CG023$/);
  assert.equal(await jobs(), 2);
  assert.equal((await enqueue([{ ...one, key: 'm' }]))[0]!.duplicate, false, 'a refused call keeps no key');
});

test('a job cannot be its own ancestor: a parent is there before its child and never changes', async () => {
  const id = crypto.randomUUID();
  assert.equal(await refused([{ ...one, job_id: id, parent_id: id }]), 'validation_failed CG004');
  const { lease } = await running();
  await call('release', { releases: [{ ...lease, children: [{ ...one, parent_id: crypto.randomUUID() }] }] });
  const rows = await place.sql<{ parent_id: string }>(
    'select parent_id from cogo.jobs where project_id = $1::uuid and parent_id is not null',
    [project],
  );
  assert.deepEqual(
    rows,
    [{ parent_id: lease.job_id }],
    'the child is of the job that made it, whatever it says',
  );
});

test('text of every alphabet comes through whole, and NUL is refused', async () => {
  const payload = { text: '한국어 ≠ العربية 🦊 \u202e \ud83e\udd8a " \\ \u0007', ключ: [1, null, true] };
  const [made] = await enqueue([{ ...one, payload, pin: 'reader', concurrency_key: '빌드', key: '🔑' }]);
  const [lease] = await call<{ job_id: string; payload: unknown }[]>('claim', { executor_id: 'reader' });
  assert.equal(lease!.job_id, made!.job_id);
  assert.deepEqual(lease!.payload, payload);
  const before = await jobs();
  assert.equal(await refused([{ ...one, payload: { text: 'a\u0000b' } }]), 'validation_failed 22P05');
  assert.equal(await jobs(), before);
});

test('a result that is not JSON is refused and the lease stays; any JSON is a result', async () => {
  const { lease } = await running();
  for (const text of ['{"a":', 'undefined', '[{"job_id": NaN}]', '']) {
    await assert.rejects(place.sql('select cogo_api.finish($1::text::jsonb)', [text]), { code: '22P02' });
  }
  assert.equal(
    await refusal('finish', { results: [{ ...lease, result: 'a\u0000b' }] }),
    'validation_failed 22P05',
  );
  for (const results of [null, {}, 'text', 7]) {
    assert.equal(await refusal('finish', { results }), 'bad_request CG000');
  }
  assert.equal(await refusal('finish', { results: [{ ...lease, token: 'abc' }] }), 'bad_request CG000');
  const verdicts = await call<{ verdict: string }[]>('finish', {
    results: [{ ...lease, result: 'just text' }],
  });
  assert.equal(verdicts[0]!.verdict, 'ok');
  assert.equal((await call<{ result: unknown }>('job_status', { job_id: lease.job_id })).result, 'just text');
});

test('one bad item keeps the others of a worker`s call out, and they can be said again', async () => {
  const [a, b] = [await running(), await running()];
  const bad = [
    { ...a.lease, result: 1 },
    { ...b.lease, result: 2, events: [{ kind: 'NOT A KIND' }] },
  ];
  assert.equal(await refusal('finish', { results: bad }), 'bad_request CG000');
  const good = [a, b].map(({ lease }) => ({ ...lease, result: 1 }));
  const verdicts = await call<{ verdict: string }[]>('finish', { results: good });
  assert.deepEqual(
    verdicts.map((verdict) => verdict.verdict),
    ['ok', 'ok'],
  );
});

test('a worker of an older version: arguments it does not know of may be missing, and fields nobody knows are no error', async () => {
  const executor = 'elder';
  await call('register_executor', { executor_id: executor, info: { fruit: 'apple', slots: '4' } });
  await enqueue([{ ...one, pin: executor, colour: 'blue' }]);
  const [lease] = await call<Lease[]>('claim', { executor_id: executor, qty: 1 });
  const [beat] = await call<{ verdict: string }[]>('beat', {
    executor_id: executor,
    beats: [{ job_id: lease!.job_id, token: lease!.token, mood: 'good' }],
  });
  assert.equal(beat!.verdict, 'ok');
  const [done] = await call<{ verdict: string }[]>('finish', {
    results: [{ job_id: lease!.job_id, token: lease!.token, artifacts: [] }],
  });
  assert.equal(done!.verdict, 'ok');
});

test('one worker token on two machines: the newer process takes over, the older one is told and does no harm', async () => {
  const made = await call<{ token: string }>('create_token', {
    project_id: project,
    kind: 'worker',
    name: 'shared',
    executor: 'cogo-work',
  });
  const rpc = place.rpc('anon', undefined, { 'x-cogo-token': made.token });
  const as = async (instance: string) => {
    const got = await rpc.call<{ epoch: number }>('register_executor', {
      executor_id: 'shared-desk',
      info: { instance },
    });
    assert.ok(got.ok);
    return got.value.epoch;
  };
  await enqueue([one]);
  const first = await as('machine one');
  const got = await rpc.call<Lease[]>('claim', { executor_id: 'shared-desk', epoch: first });
  assert.ok(got.ok);
  const [lease] = got.value;
  const second = await as('machine two');
  assert.equal(second, first + 1);
  const claim = await rpc.call('claim', { executor_id: 'shared-desk', epoch: first });
  assert.equal(claim.ok ? 'ok' : claim.error.sqlstate, 'CG025');
  const beat = await rpc.call('beat', { executor_id: 'shared-desk', beats: [lease], epoch: first });
  assert.deepEqual(beat, { ok: true, value: [{ job_id: lease!.job_id, verdict: 'lost' }] });
  await call('sweep');
  const again = await rpc.call<Lease[]>('claim', { executor_id: 'shared-desk', epoch: second });
  assert.ok(again.ok);
  assert.equal(again.value[0]!.job_id, lease!.job_id);
  const late = await rpc.call('finish', { results: [{ ...lease, result: 'of machine one' }] });
  assert.deepEqual(late, { ok: true, value: [{ job_id: lease!.job_id, verdict: 'lost', state: null }] });
});

test('no worker`s clock is believed: what it says of time changes no lease', async () => {
  const { lease, executor } = await running();
  const year = new Date(Date.now() + 31_536_000_000).toISOString();
  const lies = { lease_until: year, now: year, at: year, started_at: year, lease_s: 3600 };
  await call('beat', { executor_id: executor, beats: [{ ...lease, ...lies }] });
  const [row] = await place.sql<{ s: number }>(
    `select extract(epoch from lease_until - clock_timestamp())::float8 as s from cogo.jobs where id = $1::uuid`,
    [lease.job_id],
  );
  assert.ok(row!.s > 0 && row!.s <= lease.lease_s, `${row!.s} s are left of a lease of ${lease.lease_s}`);
  await call('finish', { results: [{ ...lease, ...lies, finished_at: year }] });
  const [done] = await place.sql<{ late: boolean }>(
    `select finished_at > clock_timestamp() as late from cogo.jobs where id = $1::uuid`,
    [lease.job_id],
  );
  assert.equal(done!.late, false);
  const named = await place.sql(`
    select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where n.nspname = 'cogo_api' and p.proname in ('claim', 'beat', 'finish', 'turn', 'fail', 'release', 'register_executor')
       and (pg_get_function_arguments(p.oid) ~ 'timestamp' or p.prosrc ~ '::timestamp')`);
  assert.deepEqual(named, [], 'no function of a worker takes a moment');
});

test(`stale tokens are refused ${TRIALS} times a verb, and what the living say is taken`, async () => {
  const total = 100;
  await enqueue(Array.from({ length: total }, () => ({ ...one, pin: 'undead' })));
  const claim = () => call<Lease[]>('claim', { executor_id: 'undead', qty: total });
  const lapsed = await claim();
  await place.sql(
    `update cogo.jobs set lease_until = clock_timestamp() - interval '1 second' where state = 'running' and project_id = $1::uuid`,
    [project],
  );
  await call('sweep');
  const living = await claim();
  assert.equal(living.length, total);
  const error = { code: 'zombie', message: 'from the grave' };
  const said = lapsed.map((lease) => ({ ...lease, result: 'zombie', error, retryable: false }));
  const verbs: Record<string, Record<string, unknown>> = {
    finish: { results: said },
    fail: { failures: said },
    release: { releases: said },
    beat: { executor_id: 'undead', beats: said },
    turn: { executor_id: 'undead', results: said },
  };
  for (const [fn, args] of Object.entries(verbs)) {
    for (let tried = 0; tried < TRIALS; tried += said.length) {
      const answer = await call<unknown>(fn, args);
      const verdicts = (fn === 'turn' ? (answer as { verdicts: unknown }).verdicts : answer) as Lease[];
      assert.equal(verdicts.length, total);
      assert.ok(verdicts.every((verdict) => (verdict as unknown as { verdict: string }).verdict === 'lost'));
    }
  }
  const results = living.map((lease) => ({ ...lease, result: 'living' }));
  const verdicts = await call<{ verdict: string }[]>('finish', { results });
  assert.ok(verdicts.every((verdict) => verdict.verdict === 'ok'));
});

test('a project that fills its queue is refused, and another one`s job is had with the next claims', async () => {
  const limit = 1500;
  await call('set_job_limit', { project_id: project, job_limit: { kind: 'project', queue_limit: limit } });
  let refusedWith = '';
  for (let sent = 0; refusedWith === '' && sent < 3 * limit; sent += 500) {
    const answer = await place
      .rpc('service_role')
      .call('enqueue', { project_id: project, jobs: Array.from({ length: 500 }, () => one) });
    if (!answer.ok) refusedWith = answer.error.sqlstate ?? '';
  }
  assert.equal(refusedWith, 'CG024');
  assert.equal(await jobs(), limit);
  const other = (await call<{ id: string }>('create_project', { name: 'Beside' })).id;
  const [mine] = await call<Lease[]>('enqueue', { project_id: other, jobs: [one] });
  const leases: Lease[] = [];
  for (let claims = 0; claims < 2; claims++) {
    leases.push(...(await call<Lease[]>('claim', { executor_id: 'fair', qty: 110 })));
  }
  assert.ok(leases.some((lease) => lease.job_id === mine!.job_id));
});
