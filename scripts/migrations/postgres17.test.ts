import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from './sources.ts';

/** scripts/postgres17 with a folder of its own, where nothing is built. */
function run(folder: string, ...args: string[]) {
  return spawnSync(join(ROOT, 'scripts', 'postgres17'), args, {
    encoding: 'utf8',
    env: { ...process.env, COGO_POSTGRES17: folder },
  });
}

test('asked about a server that is not there, postgres17 says how to get it and leaves nothing behind', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cogo-pg17-'));
  try {
    for (const verb of ['status', 'url']) {
      const answer = run(folder, verb);
      assert.equal(answer.status, 1);
      assert.equal(answer.stdout, '');
      assert.match(answer.stderr, /postgres17 start/);
    }
    assert.equal(run(folder, 'stop').status, 0);
    assert.deepEqual(readdirSync(folder), []);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('postgres17 without a verb is wrong use, and --help is not', () => {
  assert.equal(run('/nonexistent').status, 2);
  const help = run('/nonexistent', '--help');
  assert.equal(help.status, 0);
  assert.match(help.stderr, /scripts\/postgres17 start/);
});
