import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openTestDatabase, type TestDatabase } from '../testing.ts';
import { applyMigrations, type MigrationFile } from './migrations.ts';

let t: TestDatabase;
before(async () => {
  t = await openTestDatabase({ migrations: false });
});
after(() => t.close());

const file = (version: string, sql: string): MigrationFile => ({
  version,
  name: 'x',
  file: `${version}_x.sql`,
  sql,
});

test('a migration is applied once and recorded as the Supabase CLI records it', async () => {
  const one = file('1', '-- a table\ncreate table once (a int);\ninsert into once values (1);');
  const first = await applyMigrations(t.db, [one]);
  assert.deepEqual(first, { ok: true, value: { applied: ['1_x.sql'], present: 0 } });
  const second = await applyMigrations(t.db, [one]);
  assert.deepEqual(second, { ok: true, value: { applied: [], present: 1 } });
  assert.deepEqual(await t.sql('select * from once'), [{ a: 1 }]);
  assert.deepEqual(
    await t.sql('select version, name, statements from supabase_migrations.schema_migrations'),
    [
      {
        version: '1',
        name: 'x',
        statements: ['-- a table\ncreate table once (a int)', 'insert into once values (1)'],
      },
    ],
  );
});

test('a migration that fails halfway is rolled back and named with its line, and earlier ones stay', async () => {
  const good = file('2', 'create table kept (a int);');
  const bad = file(
    '3',
    'create table half (a int);\n\ninsert into half\n  values (1),\n  (nope);\ncreate table rest (a int);',
  );
  const again = await applyMigrations(t.db, [good, bad]);
  assert.equal(again.ok, false);
  if (again.ok) return;
  assert.deepEqual(again.error.details, { file: '3_x.sql', line: 5, statement: 2 });
  assert.match(
    again.error.message,
    /3_x\.sql failed at line 5 \(statement 2 of 3\): column "nope" does not exist/,
  );
  assert.deepEqual(
    await t.sql("select to_regclass('half')::text as half, to_regclass('kept')::text as kept"),
    [{ half: null, kept: 'kept' }],
  );
});

test('a failure at run time is named by the first line of its statement', async () => {
  const bad = file(
    '4',
    "\n\n-- why\ndo $$ begin\n  raise exception 'stop' using errcode = 'CG004';\nend $$;",
  );
  const outcome = await applyMigrations(t.db, [bad]);
  assert.equal(outcome.ok, false);
  if (outcome.ok) return;
  assert.equal(outcome.error.sqlstate, 'CG004');
  assert.deepEqual(outcome.error.details, { file: '4_x.sql', line: 4, statement: 1 });
});

test('an applied migration that was edited is refused before anything runs', async () => {
  const outcome = await applyMigrations(t.db, [
    file('2', 'create table kept (a int, b int);'),
    file('5', 'create table never (a int);'),
  ]);
  assert.equal(outcome.ok, false);
  if (outcome.ok) return;
  assert.equal(outcome.error.code, 'version_mismatch');
  assert.match(outcome.error.message, /2_x\.sql was edited/);
  assert.deepEqual(await t.sql("select to_regclass('never')::text as never"), [{ never: null }]);
});

test('other space and semicolons in an applied migration are no edit', async () => {
  const outcome = await applyMigrations(t.db, [file('2', 'create table kept (\n  a int\n)\n;\n')]);
  assert.equal(outcome.ok, true);
});

test('a migration that ends in a comment, or holds nothing else, is not taken for edited', async () => {
  const files = [file('8', 'select 1; -- one\n-- the end\n'), file('9', '-- nothing yet\n')];
  assert.ok((await applyMigrations(t.db, files)).ok);
  assert.deepEqual(await applyMigrations(t.db, files), { ok: true, value: { applied: [], present: 2 } });
});
