import assert from 'node:assert/strict';
import { test } from 'node:test';
import { storable } from './storable.ts';

test('NUL and halves of surrogate pairs become characters that jsonb takes, in keys too', () => {
  assert.deepEqual(storable({ 'a\0': ['x\0', '\ud83d', '\udc00y', { b: 'z\udbff' }], n: 1 }), {
    'a\u2400': ['x\u2400', '\ufffd', '\ufffdy', { b: 'z\ufffd' }],
    n: 1,
  });
});

test('what is storable stays as it is, escapes spelled out in it too', () => {
  for (const value of [{ a: ['😀', null, 1, true] }, { a: '\\u0000 \\ud83d', b: '' }, 'x', null]) {
    assert.deepEqual(storable(value), value);
  }
  assert.equal(storable(undefined), undefined);
});
