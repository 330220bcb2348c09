// Runs the pgTAP files of sql/tests/<domain>/<function>/<behaviour>.sql, each in a transaction that is rolled back: on PGlite, or on
// the server of COGO_TEST_DB (scripts/postgres17 has pgTAP).
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { PGlite } from '@electric-sql/pglite';
import { pgtap } from '@electric-sql/pglite-pgtap';
import { type Database, pgliteDatabase } from '@cogo/stack/database/database.ts';
import { applyMigrations, readMigrations } from '@cogo/stack/database/migrations.ts';
import { EXTENSIONS } from '@cogo/stack/database/pglite.ts';
import { applyShims, readShims } from '@cogo/stack/database/shims.ts';
import { splitSql } from '@cogo/stack/database/split_sql.ts';
import { openTestDatabase } from '@cogo/stack/testing.ts';
import { DOMAINS } from '../../scripts/migrations/sources.ts';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const MIGRATIONS = fileURLToPath(new URL('../../supabase/migrations', import.meta.url));

let db: Database;
let close: () => Promise<void>;

before(async () => {
  if (process.env['COGO_TEST_DB']) {
    const place = await openTestDatabase();
    db = place.db;
    close = place.close;
  } else {
    const pg = await PGlite.create({ extensions: { ...EXTENSIONS, pgtap } });
    db = pgliteDatabase(pg as unknown as Parameters<typeof pgliteDatabase>[0]);
    close = () => pg.close();
    await applyShims(db, readShims());
    const applied = await applyMigrations(db, readMigrations(MIGRATIONS));
    if (!applied.ok) throw new Error(applied.error.message);
  }
  await db.exec('create schema tap; create extension pgtap with schema tap');
  for (const file of readdirSync(join(FOLDER, '_shared')).sort()) {
    await db.exec(readFileSync(join(FOLDER, '_shared', file), 'utf8'));
  }
});
after(() => close());

for (const { name, path } of behaviours()) {
  test(name, async () => {
    const lines = await run(readFileSync(path, 'utf8'));
    const results = lines.filter((line) => /^(not )?ok\b/.test(line));
    const failed = lines.filter((line) => /^not ok\b/.test(line) || /^# Looks like you/.test(line));
    assert.ok(results.length > 0, 'the file made no assertion');
    assert.deepEqual(failed, [], lines.join('\n'));
  });
}

/** `domain/function: behaviour` and the file of each test. */
function behaviours(): { name: string; path: string }[] {
  const domains = DOMAINS.filter((domain) => existsSync(join(FOLDER, domain)));
  return domains.flatMap((domain) =>
    readdirSync(join(FOLDER, domain))
      .sort()
      .flatMap((fn) =>
        readdirSync(join(FOLDER, domain, fn))
          .sort()
          .map((file) => ({
            name: `${domain}/${fn}: ${file.replace(/\.sql$/, '').replaceAll('_', ' ')}`,
            path: join(FOLDER, domain, fn, file),
          })),
      ),
  );
}

/** The lines of TAP a file gives. Its effects are rolled back. */
async function run(script: string): Promise<string[]> {
  const lines: string[] = [];
  const undo = new Error('undo');
  await db
    .transaction(async (tx) => {
      await tx.exec('set local search_path = tests, tap, public, extensions');
      await tx.query('select * from no_plan()');
      for (const statement of [...splitSql(script).map((s) => s.text), 'select * from finish()']) {
        for (const row of await tx.query(statement)) {
          for (const value of Object.values(row)) {
            if (typeof value === 'string') lines.push(...value.split('\n'));
          }
        }
      }
      throw undo;
    })
    .catch((error: unknown) => {
      if (error !== undo) throw error;
    });
  return lines;
}
