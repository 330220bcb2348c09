// The real Supabase CLI applies the migrations to a real Postgres, statement by statement, as users do.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openTestDatabase } from '@cogo/stack/testing.ts';
import { readCatalog } from './catalog.ts';
import { migrationFiles, ROOT } from './sources.ts';

const skip = process.env['COGO_TEST_DB'] ? false : 'needs a real Postgres; set COGO_TEST_DB';

test('supabase db push brings an empty database to the schema of sql/', { skip }, async () => {
  const pushed = await openTestDatabase({ migrations: false });
  const reference = await openTestDatabase();
  const folder = mkdtempSync(join(tmpdir(), 'cogo-push-'));
  try {
    cpSync(join(ROOT, 'supabase', 'migrations'), join(folder, 'supabase', 'migrations'), { recursive: true });
    const [{ name }] = (await pushed.sql<{ name: string }>('select current_database() as name')) as [
      { name: string },
    ];
    const url = new URL(process.env['COGO_TEST_DB']!);
    url.pathname = `/${name}`;
    url.searchParams.set('sslmode', 'disable');
    const { code, output } = await supabase(folder, ['db', 'push', '--db-url', url.href, '--yes']);
    assert.equal(code, 0, output);
    const history = await pushed.sql<{ version: string }>(
      'select version from supabase_migrations.schema_migrations order by 1',
    );
    assert.deepEqual(
      history.map((row) => row.version),
      migrationFiles().map((file) => /(\d+)_/.exec(file.path)![1]),
    );
    assert.deepEqual(await readCatalog(pushed.db), await readCatalog(reference.db));
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await pushed.close();
    await reference.close();
  }
});

function supabase(cwd: string, args: string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(join(ROOT, 'node_modules', '.bin', 'supabase'), args, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, SUPABASE_TELEMETRY_DISABLED: '1' },
    });
    let output = '';
    child.stdout.on('data', (part: Buffer) => (output += part));
    child.stderr.on('data', (part: Buffer) => (output += part));
    child.on('error', reject);
    child.on('exit', (code) => resolve({ code, output }));
  });
}
