import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Fixture, openFixture, WHO } from './fixture.ts';
import { MATRIX } from './matrix.ts';

let f: Fixture;
before(async () => {
  f = await openFixture();
});
after(() => f.place.close());

test('every function of cogo_api has an expectation for every identity', async () => {
  const rows = await f.place.sql<{ name: string }>(
    `select distinct p.proname as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = 'cogo_api' order by 1`,
  );
  assert.deepEqual(
    rows.map((row) => row.name),
    Object.keys(MATRIX).sort(),
  );
});

for (const [fn, { args, expect }] of Object.entries(MATRIX)) {
  test(`${fn} answers each identity as expected`, async () => {
    const got: string[] = [];
    for (const who of WHO) {
      const result = await f.rpc[who].call(fn, await args(f, who));
      // 42501: the role has no EXECUTE, so the call never reached the function
      got.push(result.ok ? 'ok' : result.error.sqlstate === '42501' ? 'denied' : result.error.code);
    }
    assert.deepEqual(
      Object.fromEntries(WHO.map((who, i) => [who, got[i]])),
      Object.fromEntries(WHO.map((who, i) => [who, expect.split(' ')[i]])),
    );
  });
}

test('an unknown project and a project of others answer alike', async () => {
  const unknown = await f.rpc.stranger.call('search', {
    project_id: '00000000-0000-4000-8000-000000000000',
    query: {},
  });
  const foreign = await f.rpc.stranger.call('search', { project_id: f.project, query: {} });
  assert.ok(!unknown.ok && !foreign.ok);
  assert.deepEqual([unknown.error.code, unknown.error.message], [foreign.error.code, foreign.error.message]);
});

test('a public project is readable by anybody and writable by its members only', async () => {
  const open = await f.service<{ id: string }>('create_project', { name: 'Open', visibility: 'public' });
  const query = { project_id: open.id, query: { terms: {} } };
  assert.ok((await f.rpc.anon.call('search', query)).ok);
  assert.ok((await f.rpc.stranger.call('search', query)).ok);
  const anon = await f.rpc.anon.call('enqueue', { project_id: open.id, jobs: [] });
  const stranger = await f.rpc.stranger.call('enqueue', { project_id: open.id, jobs: [] });
  assert.ok(!anon.ok && !stranger.ok);
  assert.deepEqual([anon.error.code, stranger.error.code], ['unauthorized', 'forbidden']);
});

test('a worker never gets a job of another project or of another executor', async () => {
  await f.service('enqueue', { project_id: f.project, jobs: [{ type: 'code.build.test' }] });
  for (const who of ['otherWorker', 'planWorker'] as const) {
    assert.deepEqual(await f.rpc[who].call('claim', { executor_id: `try-${who}`, qty: 10 }), {
      ok: true,
      value: [],
    });
  }
  const mine = await f.rpc.worker.call<{ type: string }[]>('claim', { executor_id: 'try-worker', qty: 10 });
  assert.ok(mine.ok);
  assert.deepEqual(
    mine.value.map((job) => job.type),
    ['code.build.test'],
  );
});

test('a worker of another project that knows job and token is told the lease is lost', async () => {
  const held = await f.held();
  const answer = await f.rpc.otherWorker.call('finish', { results: [{ ...held, result: { stolen: true } }] });
  assert.deepEqual(answer, { ok: true, value: [{ job_id: held.job_id, verdict: 'lost', state: null }] });
});

test('a worker cannot use an executor id registered in another project', async () => {
  assert.ok((await f.rpc.worker.call('register_executor', { executor_id: 'desk', info: {} })).ok);
  for (const fn of ['register_executor', 'claim', 'beat'] as const) {
    const args = { register_executor: { info: {} }, claim: {}, beat: { beats: [] } }[fn];
    const answer = await f.rpc.otherWorker.call(fn, { executor_id: 'desk', ...args });
    assert.ok(!answer.ok);
    assert.equal(answer.error.code, 'forbidden');
  }
});

test('a revoked, an expired and an unknown token are refused everywhere, and never count as anonymous', async () => {
  const made = await f.service<{ id: string; token: string }>('create_token', {
    project_id: f.project,
    kind: 'project',
    name: 'short',
  });
  await f.service('revoke_token', { id: made.id });
  const old = await f.service<{ id: string; token: string }>('create_token', {
    project_id: f.project,
    kind: 'project',
    name: 'old',
    expires_in_seconds: 60,
  });
  await f.place.sql(`update cogo.tokens set expires_at = now() - interval '1 second' where id = $1::uuid`, [
    old.id,
  ]);
  for (const token of [made.token, old.token, `cogo_pt_${'x'.repeat(32)}`]) {
    const answer = await f.place.rpc('anon', undefined, { 'x-cogo-token': token }).call('list_projects');
    assert.ok(!answer.ok);
    assert.equal(answer.error.code, 'unauthorized');
  }
});

test('no API role can reach a table, a sequence or an internal function of cogo', async () => {
  const open = await f.place.sql(`
    select c.oid::regclass::text as thing, r.role
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     cross join (values ('anon'), ('authenticated'), ('service_role')) r(role)
     where n.nspname = 'cogo' and c.relkind in ('r', 'v', 'm', 'S')
       and (c.relkind = 'S' and has_sequence_privilege(r.role, c.oid, 'usage, select, update')
            or c.relkind <> 'S' and has_table_privilege(r.role, c.oid, 'select, insert, update, delete, truncate, references, trigger'))
    union all
    select p.oid::regprocedure::text, r.role
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     cross join (values ('anon'), ('authenticated'), ('service_role')) r(role)
     where n.nspname = 'cogo' and p.proname not in ('can_read_topic', 'can_write_topic', 'can_read_artifact', 'can_write_artifact')
       and has_function_privilege(r.role, p.oid, 'execute')`);
  assert.deepEqual(open, []);
});

test('row level security is on for every table of cogo', async () => {
  const open = await f.place.sql(`
    select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'cogo' and c.relkind = 'r' and not c.relrowsecurity`);
  assert.deepEqual(open, []);
});

test('every table of cogo carries project_id, but those that belong to no project', async () => {
  const rows = await f.place.sql<{ relname: string }>(`
    select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'cogo' and c.relkind = 'r'
       and not exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'project_id')
     order by 1`);
  assert.deepEqual(
    rows.map((row) => row.relname),
    ['doorbells', 'idempotency_keys', 'job_types', 'lanes', 'lex_postings', 'projects', 'rate_buckets'],
  );
});

test('every function of COGO pins its search path, and no function of cogo_api is public', async () => {
  const open = await f.place.sql(`
    select p.oid::regprocedure::text as name
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where n.nspname in ('cogo', 'cogo_api')
       -- the check of a table names nothing but what Postgres has built in
       and p.proname <> 'sound_job'
       and (p.proconfig is null or not 'search_path=""' = any (p.proconfig)
            or (n.nspname = 'cogo_api' and (not p.prosecdef or p.proacl is null or p.proacl::text ~ '[{,]=X')))`);
  assert.deepEqual(open, []);
});
