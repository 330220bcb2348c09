import assert from 'node:assert/strict';
import { test } from 'node:test';
import { monotonicClock } from './clock.ts';

test('what is to come after a time comes, unless it is taken back before', async () => {
  const came: string[] = [];
  monotonicClock.after(0, () => came.push('taken back'))();
  await new Promise<void>((resolve) => {
    monotonicClock.after(0, () => {
      came.push('came');
      resolve();
    });
  });
  assert.deepEqual(came, ['came']);
});
