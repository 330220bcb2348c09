import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ok } from '@cogo/spec/result.ts';
import type { Embedder } from './embedder.ts';
import { isSameModel, probeModel } from './fingerprint.ts';
import { scriptedVector } from './scripted_server.ts';

function model(dims: number, of: (text: string) => number[]): Embedder {
  return {
    name: 'm',
    dims,
    batch: 8,
    concurrency: 1,
    maxTokens: 480,
    async embed(texts) {
      return ok(
        texts.map((text) => ({ ok: true as const, vector: Float32Array.from(of(text)), cut: false })),
      );
    },
  };
}
const print = async (embedder: Embedder) => {
  const result = await probeModel(embedder);
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
};

test('a model has the same fingerprint twice, and when served in half precision', async () => {
  const exact = await print(model(64, (text) => scriptedVector(text, 64, 'a')));
  assert.equal(await print(model(64, (text) => scriptedVector(text, 64, 'a'))), exact);
  const half = await print(
    model(64, (text) => scriptedVector(text, 64, 'a').map((value) => Number(value.toPrecision(3)))),
  );
  assert.ok(isSameModel(exact, half));
});

test('another model, or the same with other dimensions, is another one', async () => {
  const a = await print(model(64, (text) => scriptedVector(text, 64, 'a')));
  assert.ok(!isSameModel(a, await print(model(64, (text) => scriptedVector(text, 64, 'b')))));
  assert.ok(!isSameModel(a, await print(model(32, (text) => scriptedVector(text, 32, 'a')))));
  assert.ok(!isSameModel(a, 'hash-1024-v1+tok-1'));
});

test('a server that gives all texts one vector is no model', async () => {
  const result = await probeModel(model(4, () => [1, 0, 0, 0]));
  assert.ok(!result.ok && result.error.code === 'provider_error');
});
