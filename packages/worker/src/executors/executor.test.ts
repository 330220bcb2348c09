import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asJson, executorOf, type Executor } from './executor.ts';

test('a result that JSON cannot hold fails the job with the reason, and costs the worker nothing', () => {
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  for (const result of [circular, { n: 1n }]) {
    const got = asJson({ kind: 'finished', result });
    assert.ok(got.kind === 'failed');
    assert.deepEqual([got.error.reason, got.retryable], ['validation_failed', false]);
    assert.match(got.error.message, /no JSON: .*(?:circular|BigInt)/i);
  }
});

test('what JSON leaves out or changes is left out before it is sent', () => {
  const table: [unknown, unknown][] = [
    [undefined, null],
    [() => 1, null],
    [
      { a: undefined, b: Number.NaN, c: new Date(0) },
      { b: null, c: '1970-01-01T00:00:00.000Z' },
    ],
    ['text', 'text'],
  ];
  for (const [result, want] of table) {
    assert.deepEqual(asJson({ kind: 'finished', result }), { kind: 'finished', result: want });
  }
});

test('the exact executor of a type comes before one by prefix', () => {
  const named = (type: string): Executor => ({ type, run: () => assert.fail('not run') });
  const all = [named('quality.*'), named('quality.lint')];
  const of = (type: string) => executorOf(all, type)?.type ?? null;
  assert.deepEqual(['quality.lint', 'quality.x', 'quality', 'qualityx.y', 'code.debug'].map(of), [
    'quality.lint',
    'quality.*',
    null,
    null,
    null,
  ]);
});
