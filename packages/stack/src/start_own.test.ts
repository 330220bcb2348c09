import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import postgres from 'postgres';
import { postgresRpc } from '@cogo/client/rpc.ts';
import { removeDataDir, startTestStack, type TestStack } from './testing_place.ts';

const server = process.env['COGO_TEST_DB'];
const skip = server ? false : 'needs COGO_TEST_DB';
let admin: postgres.Sql;
let t: TestStack;
let url: string;
let dataDir: string;
const name = `cogo_own_${randomBytes(6).toString('hex')}`;

before(async () => {
  if (!server) return;
  admin = postgres(server, { max: 1, onnotice: () => {} });
  await admin.unsafe(`create database ${name}`);
  const at = new URL(server);
  at.pathname = `/${name}`;
  url = at.href;
  dataDir = join(mkdtempSync(join(tmpdir(), 'cogo-own-')), '.cogo');
  t = await startTestStack({ dataDir, dbUrl: url });
});
after(async () => {
  if (!server) return;
  await t.close();
  removeDataDir(dataDir);
  await admin.unsafe(`drop database if exists ${name} with (force)`);
  await admin.end();
});

test('an own Postgres is served with the same errors and the same closed tables', { skip }, async () => {
  assert.equal(t.stack.db, 'postgres');
  const missing = await t.stack.rpc.call('get_project', { project: 'nope' });
  assert.ok(!missing.ok && missing.error.code === 'not_found');
  const held = await admin`select 1`;
  assert.equal(held.length, 1);
  const inside = postgres(url, { max: 1 });
  const open = await inside`
    select c.relname from pg_class c where c.relnamespace = 'cogo'::regnamespace and c.relkind in ('r', 'p')
      and has_table_privilege('anon', c.oid, 'select, insert, update, delete')`;
  await inside.end();
  assert.deepEqual([...open], []);
});

test('many roles at once on several connections stay apart', { skip }, async () => {
  const kinds = await Promise.all(
    Array.from({ length: 60 }, async (_, n) => {
      const apikey = n % 2 ? t.stack.keys.secret_key : t.stack.keys.publishable_key;
      const answer = await fetch(`${t.stack.urls.gateway}/rest/v1/rpc/whoami`, {
        method: 'POST',
        headers: { apikey, 'content-type': 'application/json', 'content-profile': 'cogo_api' },
        body: '{}',
      });
      return ((await answer.json()) as { kind: string }).kind;
    }),
  );
  assert.deepEqual(
    kinds,
    kinds.map((_, n) => (n % 2 ? 'service' : 'anon')),
  );
});

test('the direct transport answers as the Data API does', { skip }, async () => {
  const direct = postgresRpc({ url, max: 2 });
  const anon = postgresRpc({ url, role: 'anon', max: 1 });
  try {
    const made = await direct.call<{ id: string }>('create_project', { name: 'direct', slug: 'direct' });
    assert.ok(made.ok);
    const seen = await t.stack.rpc.call<{ id: string }>('get_project', { project: 'direct' });
    assert.ok(seen.ok && seen.value.id === made.value.id);
    const refused = await anon.call('create_project', { name: 'x' });
    assert.ok(!refused.ok && refused.error.code === 'unauthorized');
    const unknown = await direct.call('no_such_function', { a: 1 });
    assert.ok(!unknown.ok && unknown.error.code === 'internal');
  } finally {
    await direct.close();
    await anon.close();
  }
});
