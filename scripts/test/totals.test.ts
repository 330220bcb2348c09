import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseJunit } from './deno_suite.ts';
import { addTotals, closingLine, emptyTotals } from './totals.ts';

test('the closing line names skips only when there are some', () => {
  assert.equal(closingLine({ ...emptyTotals(), passed: 3 }), '3 passed, 0 failed');
  assert.equal(
    closingLine({ ...emptyTotals(), passed: 3, failed: 1, skipped: 2 }),
    '3 passed, 1 failed, 2 skipped',
  );
});

test('totals of two suites add up, names included', () => {
  const sum = addTotals(
    { ...emptyTotals(), failed: 1, failures: ['a'] },
    { ...emptyTotals(), passed: 2, skips: ['b: why'] },
  );
  assert.deepEqual(sum, { passed: 2, failed: 1, skipped: 0, failures: ['a'], skips: ['b: why'] });
});

test('a JUnit report counts passed, failed and ignored cases', () => {
  const xml = `<testsuites><testsuite><testcase name="one"/><testcase name="two"><failure message="x">y</failure></testcase>
    <testcase name="three"><skipped/></testcase><testcase name="four"></testcase></testsuite></testsuites>`;
  const totals = parseJunit(xml, 'deno');
  assert.deepEqual([totals.passed, totals.failed, totals.skipped], [2, 1, 1]);
  assert.deepEqual(totals.failures, ['deno > two']);
});
