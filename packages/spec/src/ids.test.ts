import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  formatTraceparent,
  isTraceId,
  isUuid,
  newTraceId,
  parseTraceparent,
  traceIdOf,
  w3cTraceId,
} from './ids.ts';

const trace = '0af7651916cd43dd8448eb211c80319c';
const span = 'b7ad6b7169203331';

test('a new trace id is a W3C trace id and no two are equal', () => {
  const ids = new Set(Array.from({ length: 1000 }, newTraceId));
  assert.equal(ids.size, 1000);
  for (const id of ids) assert.match(id, /^[0-9a-f]{32}$/);
});

test('a trace id is 8 to 64 harmless characters', () => {
  for (const good of ['abcdefgh', 'A1.b-c_d', trace, 'x'.repeat(64)]) assert.ok(isTraceId(good), good);
  for (const bad of [
    'short',
    'x'.repeat(65),
    'has space1',
    'colon:abcd',
    '../../etc',
    '-leading-dash',
    '한글한글한글한글',
    'a\nbcdefgh',
    '',
    null,
    5,
  ]) {
    assert.equal(isTraceId(bad), false, String(bad));
  }
});

test('traceparent is read as the standard says', () => {
  assert.deepEqual(parseTraceparent(`00-${trace}-${span}-01`), {
    traceId: trace,
    spanId: span,
    sampled: true,
  });
  assert.equal(parseTraceparent(`00-${trace}-${span}-00`)?.sampled, false);
  assert.equal(parseTraceparent(`01-${trace}-${span}-01-more`)?.traceId, trace);
  for (const bad of [
    '',
    null,
    undefined,
    `00-${trace}-${span}`,
    `ff-${trace}-${span}-01`,
    `00-${'0'.repeat(32)}-${span}-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
    `00-${trace.toUpperCase()}-${span}-01`,
    `00-${trace}-${span}-01-more`,
  ]) {
    assert.equal(parseTraceparent(bad), undefined, String(bad));
  }
});

test('a trace goes on upstream under the same W3C id', () => {
  assert.equal(parseTraceparent(formatTraceparent(trace))?.traceId, trace);
  assert.notEqual(formatTraceparent(trace), formatTraceparent(trace));
  assert.equal(w3cTraceId('0af76519-16cd-43dd-8448-eb211c80319c'), trace);
  assert.equal(w3cTraceId('my-own-trace'), w3cTraceId('my-own-trace'));
  assert.notEqual(w3cTraceId('my-own-trace'), w3cTraceId('my-own-tracf'));
  assert.match(w3cTraceId('0'.repeat(32)), /[1-9a-f]/);
});

test('X-Trace-Id comes before traceparent, and an invalid one is as if absent', () => {
  const of = (headers: Record<string, string>) => traceIdOf(new Headers(headers));
  assert.equal(of({ 'x-trace-id': 'own-trace-1', traceparent: `00-${trace}-${span}-01` }), 'own-trace-1');
  assert.equal(of({ 'x-trace-id': 'a b', traceparent: `00-${trace}-${span}-01` }), trace);
  assert.match(of({}), /^[0-9a-f]{32}$/);
});

test('a uuid is told from other text', () => {
  assert.ok(isUuid(crypto.randomUUID()));
  for (const bad of ['', 'x', trace, `${crypto.randomUUID()}x`]) assert.equal(isUuid(bad), false);
});
