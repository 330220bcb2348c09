import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Span } from '../answer/span.ts';
import { mulberry32 } from './bootstrap.ts';
import { injectErrors, statementsOf } from './inject.ts';

const span = {
  chunk_id: 1,
  repo: 'r',
  path: 'src/lease.ts',
  language: 'typescript',
  kind: 'function',
  symbol: 'renewLease',
  signature: null,
  heading: null,
  start_line: 1,
  end_line: 3,
  text: '/** The lease of `renewLease` is renewed 3 times before the worker gives up on it. */\nexport function renewLease() {}\n',
  commit_sha: null,
  generation: 1,
} satisfies Span;

test('each kind of error changes a true sentence in one place', () => {
  const [truth] = statementsOf(span);
  assert.equal(truth, 'The lease of `renewLease` is renewed 3 times before the worker gives up on it.');
  const lies = injectErrors(span, truth!, ['renewLease', 'dropTable'], mulberry32(1));
  assert.deepEqual(
    lies.map((one) => one.kind),
    ['number', 'identifier', 'negation'],
  );
  const [number, identifier, negation] = lies.map((one) => one.lie);
  assert.match(number!, /renewed (?!3)\d+ times/);
  assert.match(identifier!, /lease of `dropTable` is/);
  assert.match(negation!, /is not renewed 3 times/);
  assert.deepEqual(injectErrors(span, truth!, ['renewLease', 'dropTable'], mulberry32(1)), lies);
});
