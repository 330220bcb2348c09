import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readEmbedders } from './config.ts';

const read = (env: Record<string, string>, text?: string) => readEmbedders((name) => env[name], text);
const value = (result: ReturnType<typeof read>) => {
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
};

test('without anything configured there is no embedder', () => {
  assert.equal(value(read({})).size, 0);
  assert.equal(value(read({}, '{"index":{}}')).size, 0);
});

test('an address alone means BGE-M3 with 1,024 dimensions, cut at 480 tokens', () => {
  const one = value(read({ COGO_EMBED_URL: 'http://127.0.0.1:8080/v1/', COGO_EMBED_KEY: 'k' })).get(
    'bge-m3',
  )!;
  assert.deepEqual(
    [one.url, one.model, one.dims, one.maxTokens, one.key],
    ['http://127.0.0.1:8080/v1', 'BAAI/bge-m3', 1024, 480, 'k'],
  );
});

test('the repository names embedders, and the environment has the last word', () => {
  const text = JSON.stringify({
    embedders: {
      a: { url: 'http://x/v1', model: 'A', dims: 3 },
      b: { url: 'http://x/v1', model: 'B', key_env: 'COGO_EMBED_B' },
    },
  });
  const found = value(
    read(
      { COGO_EMBED_B: 'secret', COGO_EMBEDDERS: '{"a":{"url":"http://y/v1","model":"A","dims":4}}' },
      text,
    ),
  );
  assert.deepEqual(
    [...found].map(([name, one]) => [name, one.url, one.dims, one.key]),
    [
      ['a', 'http://y/v1', 4, undefined],
      ['b', 'http://x/v1', 1024, 'secret'],
    ],
  );
});

const bad: [string, unknown, RegExp][] = [
  ['a name with a space', { 'a b': {} }, /name must be/],
  ['the built-in name', { 'hash-1024-v1': {} }, /built in/],
  ['no address', { a: { model: 'm' } }, /url must be/],
  ['a file address', { a: { url: 'file:///etc', model: 'm' } }, /url must be/],
  ['credentials in the address', { a: { url: 'http://u:p@x/v1', model: 'm' } }, /no credentials/],
  ['no model', { a: { url: 'http://x/v1' } }, /model is missing/],
  ['dims out of range', { a: { url: 'http://x/v1', model: 'm', dims: 5000 } }, /dims must be/],
  [
    'a key from any variable',
    { a: { url: 'http://x/v1', model: 'm', key_env: 'AWS_SECRET_ACCESS_KEY' } },
    /begins with COGO_EMBED/,
  ],
  ['a list', [], /must be an object/],
];
for (const [name, map, why] of bad) {
  test(`${name}: refused, with the place`, () => {
    const result = read({ COGO_EMBEDDERS: JSON.stringify(map) });
    assert.ok(!result.ok);
    assert.match(result.error.message, why);
    assert.match(result.error.message, /^COGO_EMBEDDERS/);
  });
}
