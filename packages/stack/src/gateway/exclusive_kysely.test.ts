import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { PGlite } from '@electric-sql/pglite';
import { type Kysely, sql } from 'kysely';
import { memoryPglite } from '../database/pglite.ts';
import { exclusiveKysely, inOneSession } from './exclusive_kysely.ts';

let pg: PGlite;
let db: Kysely<unknown>;

before(async () => {
  pg = await memoryPglite();
  await pg.exec('create role one; create role two; create table t (a int)');
  db = exclusiveKysely(pg);
});
after(async () => {
  await pg.close();
});

async function whoInTransaction(role: string): Promise<unknown> {
  return db.transaction().execute(async (tx) => {
    await sql`select set_config('role', ${role}, true)`.execute(tx);
    await sql`select 1`.execute(tx);
    const { rows } = await sql<{ who: string }>`select current_user as who`.execute(tx);
    return rows[0]?.who;
  });
}

test('transactions begun at the same time run one after another, each under its own role', async () => {
  const roles = ['one', 'two', 'one', 'two', 'one'];
  assert.deepEqual(await Promise.all(roles.map(whoInTransaction)), roles);
});

test('a statement outside waits until the transaction has ended, and does not see what was rolled back', async () => {
  let outside: Promise<unknown> | undefined;
  await assert.rejects(
    db.transaction().execute(async (tx) => {
      await sql`insert into t values (1)`.execute(tx);
      outside = pg.query('select count(*)::int as n from t').then((result) => result.rows);
      throw new Error('no');
    }),
    /no/,
  );
  assert.deepEqual(await outside, [{ n: 0 }]);
});

test('in one session, what asks outside the open transaction joins it instead of waiting for itself', async () => {
  const seen = await inOneSession(() =>
    db.transaction().execute(async (tx) => {
      await sql`insert into t values (2)`.execute(tx);
      const { rows } = await sql<{ n: number }>`select count(*)::int as n from t`.execute(db);
      await assert.rejects(
        db.transaction().execute(async (inner) => {
          await sql`insert into t values (3)`.execute(inner);
          throw new Error('inner');
        }),
        /inner/,
      );
      return rows[0]?.n;
    }),
  );
  assert.equal(seen, 1);
  assert.deepEqual((await pg.query('select a from t')).rows, [{ a: 2 }]);
});

test('a transaction that fails to commit reports it and frees the session', async () => {
  await pg.exec('create table d (a int unique deferrable initially deferred)');
  await assert.rejects(
    db.transaction().execute((tx) => sql`insert into d values (1), (1)`.execute(tx)),
    { code: '23505' },
  );
  assert.equal(await whoInTransaction('one'), 'one');
});
