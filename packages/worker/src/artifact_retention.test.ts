import assert from 'node:assert/strict';
import { existsSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { removeOldArtifacts } from './artifact_retention.ts';
import { writeArtifacts } from './artifacts.ts';
import { temporaryFolder } from './sandbox/testing.ts';

const DAY = 24 * 3_600_000;

/** An attempt written so many days before now. */
async function attempt(root: string, jobId: string, nth: number, days: number): Promise<string> {
  await writeArtifacts(root, { jobId, attempt: nth }, 'build-test', { 'report.json': '{}' });
  const dir = join(root, 'jobs', jobId, String(nth));
  const at = new Date(Date.now() - days * DAY);
  for (const folder of [join(dir, 'build-test'), dir]) utimesSync(folder, at, at);
  return dir;
}

test('attempts past their days go, with the folder of a job that has none left; younger ones stay', async (t) => {
  const root = temporaryFolder(t);
  const old = await attempt(root, 'a', 1, 31);
  const young = await attempt(root, 'a', 2, 29);
  const alone = await attempt(root, 'b', 1, 40);
  assert.equal(removeOldArtifacts(root, 30), 2);
  assert.deepEqual([old, young, alone, join(root, 'jobs/b')].map(existsSync), [false, true, false, false]);
  assert.equal(removeOldArtifacts(root, 30), 0);
});

test('a link is neither followed nor removed, and a folder that is not there is no error', async (t) => {
  const root = temporaryFolder(t);
  const outside = join(root, 'outside');
  mkdirSync(join(outside, '1'), { recursive: true });
  writeFileSync(join(outside, '1', 'kept'), 'x');
  await attempt(root, 'a', 1, 31);
  symlinkSync(outside, join(root, 'jobs', 'link'));
  assert.equal(removeOldArtifacts(root, 0, Date.now() + DAY), 1);
  assert.ok(existsSync(join(outside, '1', 'kept')));
  assert.equal(removeOldArtifacts(join(root, 'nowhere'), 30), 0);
});
