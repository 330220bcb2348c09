import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openTestDatabase, type TestDatabase } from '../testing.ts';
import { applyShims, readShims } from './shims.ts';

let t: TestDatabase;
before(async () => {
  t = await openTestDatabase();
});
after(() => t.close());

test('shims may be applied again over the migrations', async () => {
  await applyShims(t.db, readShims());
});

test('anon and authenticated hold no privilege on any table or sequence of cogo', async () => {
  const [count] = await t.sql<{ n: number }>(
    "select count(*)::int as n from pg_class where relnamespace = 'cogo'::regnamespace and relkind in ('r', 'p')",
  );
  assert.ok(count && count.n > 5, 'the schema has tables to check');
  const held = await t.sql(`
    select c.relname, r.role, p.privilege
    from pg_class c, unnest(array['anon', 'authenticated']) as r(role),
      unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) as p(privilege)
    where c.relnamespace = 'cogo'::regnamespace and c.relkind in ('r', 'p', 'v', 'm')
      and has_table_privilege(r.role, c.oid, p.privilege)`);
  assert.deepEqual(held, []);
});

test('anon can not call cron, net or vault', async () => {
  await assert.rejects(
    t.db.transaction(async (tx) => {
      await tx.exec('set local role anon');
      await tx.query("select net.http_post('http://127.0.0.1:1')");
    }),
    { code: '42501' },
  );
  const reachable = await t.sql(`
    select s.name from unnest(array['cron', 'net', 'vault']) as s(name)
    where to_regnamespace(s.name) is not null and has_schema_privilege('anon', s.name, 'usage')
      and to_regprocedure(s.name || '.cogo_is_shim()') is not null`);
  assert.deepEqual(reachable, []);
});

test('cron.schedule with a known name replaces the job, and a schedule that means nothing is refused', async () => {
  const [first] = await t.sql<{ id: string }>(
    "select cron.schedule('shim-test', '5 seconds', 'select 1') as id",
  );
  const [second] = await t.sql<{ id: string }>(
    "select cron.schedule('shim-test', '*/5 * * * *', 'select 2') as id",
  );
  assert.equal(first?.id, second?.id);
  assert.deepEqual(await t.sql("select schedule, command from cron.job where jobname = 'shim-test'"), [
    { schedule: '*/5 * * * *', command: 'select 2' },
  ]);
  await assert.rejects(t.sql("select cron.schedule('shim-test', 'sometimes', 'select 1')"), {
    code: '22023',
  });
  await t.sql("select cron.unschedule('shim-test')");
  await assert.rejects(t.sql("select cron.unschedule('shim-test')"), /could not find valid entry/);
});

test('a vault secret is stored encrypted and opens only with the key of the place', async () => {
  const [made] = await t.db.transaction(async (tx) => {
    await tx.query("select set_config('cogo.kek', 'a key of the place', true)");
    return tx.query<{ id: string }>("select vault.create_secret('open sesame', 'shim-test') as id");
  });
  const [row] = await t.sql<{ secret: string }>('select secret from vault.secrets where id = $1::uuid', [
    made?.id,
  ]);
  assert.ok(row && !row.secret.includes('sesame'));
  const [open] = await t.db.transaction(async (tx) => {
    await tx.query("select set_config('cogo.kek', 'a key of the place', true)");
    return tx.query("select decrypted_secret from vault.decrypted_secrets where name = 'shim-test'");
  });
  assert.deepEqual(open, { decrypted_secret: 'open sesame' });
  await assert.rejects(t.sql('select decrypted_secret from vault.decrypted_secrets'), /vault is locked/);
});

test('auth.uid() reads the subject of the request', async () => {
  const id = '6f1d2c1e-0000-4000-8000-000000000001';
  const [row] = await t.db.transaction(async (tx) => {
    await tx.query("select set_config('request.jwt.claims', $1, true)", [
      JSON.stringify({ sub: id, role: 'authenticated' }),
    ]);
    return tx.query('select auth.uid() as uid, auth.role() as role');
  });
  assert.deepEqual(row, { uid: id, role: 'authenticated' });
});
