import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atMost, renderReport, rowOf } from './report.ts';
import { quantile, round, spreadOf } from './spread.ts';

test('quantiles lie between the two nearest values', () => {
  assert.equal(quantile([4, 1, 3, 2], 0.5), 2.5);
  assert.equal(quantile([1, 2, 3, 4, 5], 0.95), 4.8);
  assert.equal(quantile([7], 0.95), 7);
  assert.ok(Number.isNaN(quantile([], 0.5)));
});

test('one measurement has no spread', () => {
  assert.equal(spreadOf([3]), null);
  assert.deepEqual(spreadOf([1, 2, 3, 4, 5]), { n: 5, median: 3, p25: 2, p75: 4 });
});

test('numbers keep three significant digits', () => {
  assert.deepEqual([0.123456, 12.3456, 999.5, 1234.5].map(round), [0.123, 12.3, 1000, 1235]);
});

test('a target at its limit is met, above it is missed', () => {
  assert.equal(atMost('chat P95', 300, 'ms', 300).met, true);
  assert.equal(atMost('chat P95', 300, 'ms', 300.1).met, false);
});

test('the table shows the spread of a row and a missed target', () => {
  const text = renderReport({
    commit: 'abc',
    machine: { cpu: 'test' },
    versions: {},
    rows: [rowOf('start', 'cogo', 'ms', [100, 200, 300]), rowOf('memory', 'cogo', 'MiB', [5])],
    targets: [atMost('start', 150, 'ms', 200)],
  });
  assert.match(text, /start +cogo +200 ms +150 – 250 \(n=3\)/);
  assert.match(text, /memory +cogo +5 MiB$/m);
  assert.match(text, /MISSED +start +<= 150 ms +200/);
});
