import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { lockHolder, takeLock } from './lock.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cogo-lock-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  return child.pid!;
}

test('a second taker is told who holds the folder, until it is released', () => {
  const first = takeLock(dir);
  assert.ok(first.ok);
  assert.equal(lockHolder(dir), process.pid);
  const second = takeLock(dir);
  assert.ok(!second.ok);
  assert.equal(second.error.code, 'unavailable');
  assert.deepEqual(second.error.details, { pid: process.pid });
  assert.match(second.error.message, new RegExp(`pid ${process.pid}`));
  first.value.release();
  assert.equal(lockHolder(dir), undefined);
  const third = takeLock(dir);
  assert.ok(third.ok);
  assert.equal(third.value.tookOver, false);
});

test('the lock of a dead process is taken over and leaves nothing behind', async () => {
  writeFileSync(join(dir, 'lock'), JSON.stringify({ pid: await deadPid(), at: 'long ago' }));
  assert.equal(lockHolder(dir), undefined);
  const lock = takeLock(dir);
  assert.ok(lock.ok);
  assert.equal(lock.value.tookOver, true);
  assert.deepEqual(readdirSync(dir), ['lock']);
});

test('a living process with the pid of a dead owner is no owner', {
  skip: !existsSync('/proc/self/stat') && 'needs /proc',
}, () => {
  writeFileSync(
    join(dir, 'lock'),
    JSON.stringify({ pid: process.pid, born: '1', at: 'before the last boot' }),
  );
  const lock = takeLock(dir);
  assert.ok(lock.ok);
  assert.equal(lock.value.tookOver, true);
});

test('a lock file that was cut off is taken over', () => {
  writeFileSync(join(dir, 'lock'), '{"pid":');
  assert.ok(takeLock(dir).ok);
});

test('releasing does not remove the lock of a successor', async () => {
  const first = takeLock(dir);
  assert.ok(first.ok);
  writeFileSync(join(dir, 'lock'), JSON.stringify({ pid: process.ppid, at: 'now' }));
  first.value.release();
  assert.ok(existsSync(join(dir, 'lock')));
});
