import assert from 'node:assert/strict';
import { test } from 'node:test';
import { passwordFor } from './psql.ts';

test('the password of an own Postgres comes from COGO_DB when it names the same database, and psql finds it otherwise', () => {
  const own = new URL('postgres://me@db.example:5432/app');
  for (const [env, expected] of [
    [{}, undefined],
    [{ PGPASSWORD: 'kept' }, undefined],
    [{ COGO_DB: 'postgres://me:p%40ss@db.example:5432/app' }, 'p@ss'],
    [{ COGO_DB: 'postgres://me:other@elsewhere:5432/app' }, undefined],
    [{ COGO_DB: 'postgres://you:other@db.example:5432/app' }, undefined],
    [{ COGO_DB: 'postgres://me@db.example:5432/app' }, undefined],
    [{ COGO_DB: 'nonsense' }, undefined],
  ] as const) {
    assert.equal(passwordFor(own, env), expected, JSON.stringify(env));
  }
  assert.equal(passwordFor(new URL('postgres://postgres:x@127.0.0.1:1/postgres'), { COGO_DB: 'x' }), 'x');
});
