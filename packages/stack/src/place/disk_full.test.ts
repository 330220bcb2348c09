import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, cpSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import postgres from 'postgres';
import { startStack } from '../start.ts';
import { REPO, removeDataDir, startTestStack, testDataDir } from '../testing_place.ts';

// A file system of its own and small: only root can make one.
const MEGABYTES = 120;
let mount: string;
let why: string | undefined;

before(() => {
  mount = mkdtempSync(join(tmpdir(), 'cogo-full-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${MEGABYTES}m`, 'tmpfs', mount], { stdio: 'ignore' });
  } catch {
    why = 'needs the right to mount a small file system';
  }
});
after(() => {
  // Lazily: the stopped database keeps its files open until this process ends.
  if (!why) execFileSync('umount', ['--lazy', mount]);
  rmSync(mount, { recursive: true, force: true });
});

const filler = () => join(mount, 'filler');

function fill(): void {
  const file = openSync(filler(), 'w');
  for (const size of [1 << 20, 1 << 12]) {
    try {
      for (;;) writeSync(file, Buffer.alloc(size));
    } catch {
      // full for this size
    }
  }
  closeSync(file);
}

test('on a full disk writes are refused with what to do, nothing is lost, and a start says so too', async (context) => {
  if (why) return context.skip(why);
  const dataDir = join(mount, '.cogo');
  const made = await testDataDir();
  mkdirSync(dataDir);
  cpSync(join(made, 'pg'), join(dataDir, 'pg'), { recursive: true });
  removeDataDir(made);

  const { stack } = await startTestStack({ dataDir });
  const service = { apikey: stack.keys.secret_key, 'content-type': 'application/json' };
  const bucket = await fetch(`${stack.urls.gateway}/storage/v1/bucket`, {
    method: 'POST',
    headers: service,
    body: '{"id":"b","name":"b"}',
  });
  assert.equal(bucket.status, 200);
  const before = await stack.rpc.call<{ id: string }>('create_project', { name: 'before', slug: 'before' });
  assert.ok(before.ok);

  fill();
  const upload = await fetch(`${stack.urls.gateway}/storage/v1/object/b/big`, {
    method: 'POST',
    headers: { apikey: stack.keys.secret_key },
    body: 'x'.repeat(1 << 20),
  });
  assert.equal(upload.status, 507);
  assert.match(await upload.text(), /disk of the data folder is full/);

  // A write-ahead log that can not grow stops Postgres: the gateway must say so instead of hanging.
  const sql = postgres(stack.urls.db, { max: 1, onnotice: () => {} });
  await assert.rejects(async () => {
    for (;;) {
      await sql`update cogo.projects set name = name`;
      await sql`select pg_switch_wal()`;
    }
  });
  await sql.end({ timeout: 1 });
  const refused = await stack.rpc.call('create_project', { name: 'during', slug: 'during' });
  assert.ok(!refused.ok);
  assert.equal(refused.error.code, 'unavailable');
  assert.match(refused.error.message, /No space left.*Free some space/);
  const health = await fetch(`${stack.urls.gateway}/healthz`);
  const said = (await health.json()) as { ok: boolean; reason: string };
  assert.deepEqual([health.status, said.ok], [503, false]);
  assert.match(said.reason, /committed is safe.*Free some space/);
  await stack.stop();

  const full = await startStack({
    dataDir,
    root: REPO,
    functions: false,
    ports: { gateway: 0, db: 0, studio: 0 },
  });
  assert.ok(!full.ok);
  assert.match(full.error.message, /disk of .* is full/);

  rmSync(filler());
  const again = await startTestStack({ dataDir });
  const found = await again.stack.rpc.call('get_project', { project: 'before' });
  assert.ok(found.ok);
  await again.stack.stop();
});
