// postgresRpc on a real server; what needs none is beside it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { postgresRpc } from '@cogo/client/postgres_rpc.ts';
import { openTestDatabase, type TestDatabase } from '../testing.ts';

const server = process.env['COGO_TEST_DB'];

test('a call is one transaction with the role and the request it is made for', {
  skip: server ? false : 'set COGO_TEST_DB',
}, async (t) => {
  const place = await openTestDatabase();
  t.after(() => place.close());
  const rpc = postgresRpc({ url: await urlOf(place) });
  const made = await rpc.call<{ id: string }>('create_project', { name: `it's $1 \\ "quoted"` });
  assert.ok(made.ok);
  const names = await rpc.call<{ name: string }[]>('list_projects');
  assert.ok(names.ok);
  assert.deepEqual(
    names.value.map((project) => project.name),
    [`it's $1 \\ "quoted"`],
  );
  await rpc.close();
  const nobody = postgresRpc({ url: await urlOf(place), role: 'anon' });
  const refused = await nobody.call('sweep');
  assert.equal(refused.ok ? 'ok' : refused.error.sqlstate, '42501');
  await nobody.close();
});

test('calls go on whatever backends are terminated, and none is left without an answer', {
  skip: server ? false : 'set COGO_TEST_DB',
}, async (t) => {
  const place = await openTestDatabase();
  t.after(() => place.close());
  const url = new URL(await urlOf(place));
  url.searchParams.set('application_name', 'victim');
  const rpc = postgresRpc({ url: url.href, max: 3 });
  let over = false;
  let done = 0;
  const callers = Array.from({ length: 4 }, async () => {
    while (!over) if ((await rpc.call('version')).ok) done++;
  });
  for (let round = 0; round < 40; round++) {
    const before = done;
    await place.sql(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'victim' and datname = current_database()`,
    );
    while (done < before + 4) await new Promise((resolve) => setImmediate(resolve));
  }
  over = true;
  await Promise.all(callers);
  await rpc.close();
});

test('calls one after the other go over one session, and calls at once over several', {
  skip: server ? false : 'set COGO_TEST_DB',
}, async (t) => {
  const place = await openTestDatabase();
  t.after(() => place.close());
  const url = new URL(await urlOf(place));
  url.searchParams.set('application_name', 'counted');
  const rpc = postgresRpc({ url: url.href, max: 3 });
  t.after(() => rpc.close());
  const sessions = async () => {
    const [row] = await place.sql<{ n: number }>(
      `select count(*)::int as n from pg_stat_activity where application_name = 'counted' and datname = current_database()`,
    );
    return row!.n;
  };
  for (let i = 0; i < 6; i++) assert.ok((await rpc.call('version')).ok);
  assert.equal(await sessions(), 1);
  const many = await Promise.all(Array.from({ length: 9 }, () => rpc.call('version')));
  assert.ok(many.every((got) => got.ok));
  assert.equal(await sessions(), 3);
});

async function urlOf(place: TestDatabase): Promise<string> {
  const [row] = await place.sql<{ name: string }>('select current_database() as name');
  const url = new URL(server!);
  url.pathname = `/${row!.name}`;
  return url.href;
}
