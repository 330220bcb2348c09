import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ago, elapsed, milliseconds } from './format.ts';

test('durations are written in the unit that fits', () => {
  const cases: [number | null | undefined, string][] = [
    [null, '–'],
    [undefined, '–'],
    [Number.NaN, '–'],
    [0, '0 ms'],
    [999.4, '999 ms'],
    [1500, '1.5 s'],
    [184_000, '3 min 4 s'],
  ];
  for (const [ms, text] of cases) assert.equal(milliseconds(ms), text);
});

test('moments are told from now', () => {
  const now = Date.parse('2026-01-02T00:00:00Z');
  const cases: [string | null, string][] = [
    [null, '–'],
    ['nonsense', '–'],
    ['2026-01-02T00:00:09Z', '0 s ago'],
    ['2026-01-01T23:59:48Z', '12 s ago'],
    ['2026-01-01T23:55:00Z', '5 min ago'],
    ['2026-01-01T21:00:00Z', '3 h ago'],
    ['2025-12-31T00:00:00Z', '2 d ago'],
  ];
  for (const [at, text] of cases) assert.equal(ago(at, now), text);
});

test('a running job has taken the time until now, and one that has not begun none', () => {
  const now = Date.parse('2026-01-01T00:00:10Z');
  assert.equal(elapsed('2026-01-01T00:00:00Z', null, now), 10_000);
  assert.equal(elapsed('2026-01-01T00:00:00Z', '2026-01-01T00:00:02Z', now), 2000);
  assert.equal(elapsed(null, null, now), null);
});
