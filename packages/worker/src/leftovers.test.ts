import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ownScratch, removeLeftovers } from './leftovers.ts';
import { temporaryFolder } from './sandbox/testing.ts';

const linux = existsSync('/proc/self/stat');

test('what a killed worker left is removed with the processes of its jobs', { skip: !linux }, async (t) => {
  const work = temporaryFolder(t);
  const dir = join(work, 'old');
  mkdirSync(join(dir, 'job', 'workspace'), { recursive: true });
  // A process that was, and is no more.
  const { pid } = spawnSync('true');
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  writeFileSync(join(dir, 'owner.json'), JSON.stringify({ pid, started: '1', boot }));
  const env = { PATH: process.env['PATH'], HOME: join(dir, 'job', 'home') };
  const left = spawn('sleep', ['1000'], { env, stdio: 'ignore', detached: true });
  const ended = once(left, 'exit');
  const other = spawn('sleep', ['1000'], { stdio: 'ignore' });
  t.after(() => other.kill('SIGKILL'));
  const sum = removeLeftovers(work);
  assert.deepEqual([sum.folders, sum.processes], [1, 1]);
  assert.deepEqual(await ended, [null, 'SIGKILL']);
  assert.equal(existsSync(dir), false);
  assert.equal(other.exitCode ?? other.signalCode, null);
});

test('a folder of a worker that lives, and one without a mark, stay', (t) => {
  const work = temporaryFolder(t);
  const own = ownScratch(work, 'mine');
  mkdirSync(join(work, 'unmarked'));
  assert.equal(removeLeftovers(work).folders, 0);
  assert.ok(existsSync(own) && existsSync(join(work, 'unmarked')));
});

test('a process id that was given again does not protect what an earlier one left', { skip: !linux }, (t) => {
  const work = temporaryFolder(t);
  const own = ownScratch(work, 'mine');
  const owner = JSON.parse(readFileSync(join(own, 'owner.json'), 'utf8'));
  writeFileSync(join(own, 'owner.json'), JSON.stringify({ ...owner, boot: 'another' }));
  assert.equal(removeLeftovers(work).folders, 1);
});
