import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTestDatabase } from '@cogo/stack/testing.ts';
import { builtPart, newestMigration } from './build.ts';
import { readCatalog } from './catalog.ts';
import { migrationFiles, schemaFiles } from './sources.ts';

test('the newest migration on disk is what sql/ gives', () => {
  const newest = newestMigration();
  assert.equal(newest.wanted, newest.text, 'run: node --import tsx scripts/migrations/build.ts');
});

test('a migration holds the files that changed, as functions to replace, and notes those written by hand', () => {
  const before = [
    {
      path: 'supabase/migrations/1_a.sql',
      text: '-- sql/a/1.sql\ncreate function f() x;\n\n-- sql/a/2.sql\ncreate table t ();\n',
    },
  ];
  const same = [
    { path: 'sql/a/1.sql', text: 'create function f() x;\n' },
    { path: 'sql/a/2.sql', text: 'create table t ();\n' },
  ];
  assert.doesNotMatch(builtPart(before, same), /sql\/a/);
  const changed = [
    { path: 'sql/a/1.sql', text: 'create function f() as $$ create table no; $$;\n' },
    { path: 'sql/a/2.sql', text: 'create table t (i int);\n' },
  ];
  const built = builtPart(before, changed);
  assert.match(built, /^create or replace function f\(\) as/m);
  assert.match(built, /^-- sql\/a\/2\.sql [0-9a-f]{16}\n-- by hand$/m);
  const after = [...before, { path: 'supabase/migrations/2_b.sql', text: built }];
  assert.doesNotMatch(builtPart(after, changed), /sql\/a/);
});

test('the schema version is that of the newest migration', () => {
  const version = schemaFiles().find((file) => file.path.endsWith('_fn_schema_version.sql'))!;
  assert.match(version.text, new RegExp(/(\d+)_/.exec(newestMigration().path)![1]!));
});

test('sql/ and supabase/migrations give the same catalog on an empty database', async () => {
  const bySql = await openTestDatabase({ migrations: false });
  const byMigrations = await openTestDatabase({ migrations: false });
  try {
    for (const file of schemaFiles()) await bySql.db.exec(file.text);
    for (const file of migrationFiles()) await byMigrations.db.exec(file.text);
    const catalog = await readCatalog(byMigrations.db);
    assert.deepEqual(await readCatalog(bySql.db), catalog);
    assert.ok(catalog.length > 500, `only ${catalog.length} objects were compared`);
  } finally {
    await bySql.close();
    await byMigrations.close();
  }
});

test('the comparison sees a changed column, function body, grant, index, constraint and row of reference data', async () => {
  const place = await openTestDatabase();
  try {
    const before = await readCatalog(place.db);
    const changes = [
      `alter table cogo.projects alter column name drop not null`,
      `create or replace function cogo.schema_version() returns text language sql immutable parallel safe set search_path = '' as $$ select 'other' $$`,
      `grant select on cogo.projects to anon`,
      `drop index cogo.jobs_due`,
      `alter table cogo.traces drop constraint traces_finished`,
      `alter table cogo.chunks disable row level security`,
      `update cogo.job_types set max_attempts = 4 where pattern = 'code.debug'`,
    ];
    for (const change of changes) {
      await assert.rejects(
        place.db.transaction(async (tx) => {
          await tx.exec(change);
          assert.notDeepEqual(await readCatalog(tx), before, change);
          throw new Error('undo');
        }),
        /undo/,
      );
    }
    assert.deepEqual(await readCatalog(place.db), before);
  } finally {
    await place.close();
  }
});
