import assert from 'node:assert/strict';
import { test } from 'node:test';
import { passwordFor } from './psql.ts';

const at = (user: string, host: string) => `postgres://${user}@${host}/app`;

test('the password of an own Postgres comes from COGO_DB when it names the same database, and psql finds it otherwise', () => {
  const own = new URL(at('me', 'db.example:5432'));
  for (const [env, expected] of [
    [{}, undefined],
    [{ PGPASSWORD: 'kept' }, undefined],
    [{ COGO_DB: at('me:p%40ss', 'db.example:5432') }, 'p@ss'],
    [{ COGO_DB: at('me:other', 'elsewhere:5432') }, undefined],
    [{ COGO_DB: at('you:other', 'db.example:5432') }, undefined],
    [{ COGO_DB: at('me', 'db.example:5432') }, undefined],
    [{ COGO_DB: 'nonsense' }, undefined],
  ] as const) {
    assert.equal(passwordFor(own, env), expected, JSON.stringify(env));
  }
  assert.equal(passwordFor(new URL(at('postgres:x', '127.0.0.1:1')), { COGO_DB: 'x' }), 'x');
});
