import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crashesInARow, restartDelay } from './backoff.ts';

const options = { firstMs: 500, capMs: 30_000, stableMs: 60_000 };

test('the delay doubles with each crash and stays at the cap', () => {
  assert.deepEqual(
    [1, 2, 3, 6, 7, 8, 1000].map((n) => restartDelay(n, options)),
    [500, 1000, 2000, 16_000, 30_000, 30_000, 30_000],
  );
});

test('a child that lived long enough starts counting anew', () => {
  assert.equal(crashesInARow(4, 59_999, options), 5);
  assert.equal(crashesInARow(4, 60_000, options), 1);
});
