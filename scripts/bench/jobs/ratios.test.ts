import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rowOf } from '../report.ts';
import { type JobsRow, pairedRatio } from './measure.ts';
import { ratioTable } from './ratios.ts';
import { PAYLOAD, sendAtRate, Starts } from './system.ts';

const row = (measure: string, system: string, unit: string, runs: number[]): JobsRow => ({
  ...rowOf(measure, system, unit, runs),
  runs,
});

test('a rate is compared as it is and a time the other way round', () => {
  const table = ratioTable(
    [
      row('drain', 'ours', '1/s', [300, 100, 200]),
      row('drain', 'peer', '1/s', [100, 100, 100]),
      row('start', 'ours', 'ms', [4, 4, 4]),
      row('start', 'peer', 'ms', [2, 2, 2]),
    ],
    'ours',
  );
  assert.match(table, /drain +200 1\/s +100 – 300 +2\.00 x/);
  assert.match(table, /start +4 ms +4 – 4 +0\.50 x/);
});

test('the payload of every system has 200 bytes', () => {
  assert.equal(JSON.stringify(PAYLOAD).length, 200);
});

test('an open loop sends at its rate although nothing is answered', async () => {
  let answer: () => void = () => {};
  const stuck = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const numbers: number[] = [];
  const sending = sendAtRate(10_000, 5, (n) => {
    numbers.push(n);
    if (n === 4) answer();
    return stuck;
  });
  assert.equal((await sending).length, 5);
  assert.deepEqual(numbers, [0, 1, 2, 3, 4]);
});

test('a job that starts twice counts from its first start', async () => {
  const starts = new Starts(1);
  const sent = [performance.now()];
  starts.mark(0);
  const first = starts.since(sent);
  starts.mark(0);
  await starts.all;
  assert.deepEqual(starts.since(sent), first);
});

test('systems are compared run by run, and a run that failed counts for neither', () => {
  assert.equal(pairedRatio([20, 30, 400, null], [10, 20, 100, 1]), 2);
  assert.equal(pairedRatio([null], [1]), null);
  const table = ratioTable(
    [
      { ...row('drain', 'ours', '1/s', [100, 50]), runs: [100, null] },
      { ...row('drain', 'peer', '1/s', [50, 500]), runs: [50, 500] },
    ],
    'ours',
  );
  assert.match(table, /2\.00 x/);
});
