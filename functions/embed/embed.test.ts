import assert from 'node:assert/strict';
import { documentVector, dot, HASH_FINGERPRINT } from '@cogo/spec/hash_embedding.ts';
import { embed, type EmbedItem } from '@cogo/spec/schemas/embed.ts';
import { dataOf, failedJson, okJson, readStream } from '../_testing/conformance.ts';
import { fakePlane, post } from '../_shared/testing.ts';
import { makeApp } from './app.ts';
import { BATCH_ITEMS, MAX_ITEMS } from './embed_batch.ts';

function stage() {
  const plane = fakePlane({ deps: { limits: { lingerMs: 0 } } });
  return { plane, app: makeApp(plane.deps) };
}

interface Answer {
  items: EmbedItem[];
  count: number;
  failed: number;
  fingerprint: string;
  dimensions: number;
}
const texts = (n: number) => Array.from({ length: n }, (_, i) => ({ id: i, text: `text number ${i}` }));
const vectorOf = (item: EmbedItem) => Float32Array.from((item as { embedding: number[] }).embedding);

Deno.test('a text becomes the document vector of hash-1024-v1', async () => {
  const { app } = stage();
  const answer = await okJson<Answer>(
    embed,
    await app.request('/embed', post({ items: [{ id: 'a', text: 'renew the lease 리스' }] }, 'anon')),
  );
  assert.equal(answer.fingerprint, HASH_FINGERPRINT);
  const vector = vectorOf(answer.items[0]!);
  assert.equal(vector.length, answer.dimensions);
  assert.ok(dot(vector, documentVector('renew the lease 리스')) > 0.9999);
  await app.idle();
});

Deno.test('a text without words fails alone', async () => {
  const { app } = stage();
  const items = [
    { id: 'empty', text: '' },
    { id: 'blank', text: ' \n' },
    { id: 'signs', text: '!!! ---' },
    { id: 'good', text: 'words' },
  ];
  const answer = await okJson<Answer>(embed, await app.request('/embed', post({ items }, 'anon')));
  assert.deepEqual([answer.count, answer.failed], [4, 3]);
  const outcome = answer.items.map((item) => ('error' in item ? item.error.code : 'vector'));
  assert.deepEqual(outcome, ['validation_failed', 'validation_failed', 'validation_failed', 'vector']);
  assert.match((answer.items[0] as { error: { message: string } }).error.message, /empty/);
  await app.idle();
});

Deno.test('a stream comes in batches, in order, and closes with the counts', async () => {
  const { app } = stage();
  const n = BATCH_ITEMS * 2 + 3;
  const { frames, order } = await readStream(
    embed,
    await app.request('/embed', post({ items: texts(n) }, 'anon', { accept: 'text/event-stream' })),
  );
  assert.equal(order, 'meta embed.chunk* embed.done done');
  const chunks = dataOf<{ items: EmbedItem[] }>(frames, 'embed.chunk');
  assert.deepEqual(
    chunks.map((chunk) => chunk.items.length),
    [BATCH_ITEMS, BATCH_ITEMS, 3],
  );
  assert.deepEqual(
    chunks.flatMap((chunk) => chunk.items.map((item) => item.id)),
    texts(n).map((item) => item.id),
  );
  assert.equal(dataOf<Answer>(frames, 'embed.done')[0]!.count, n);
  await app.idle();
});

Deno.test('the trace keeps the counts, not the vectors', async () => {
  const { app, plane } = stage();
  await app.request('/embed', post({ items: texts(2) }, 'anon'));
  await app.idle();
  assert.ok(!JSON.stringify([plane.ended, plane.events]).includes('embedding"'));
  assert.equal((plane.ended[0]!['output'] as Answer).count, 2);
});

Deno.test('another model is not configured', async () => {
  const { app } = stage();
  const body = { items: texts(1), model: 'text-embedding-3-small' };
  const failed = await failedJson(await app.request('/embed', post(body, 'token')), 503, 'not_configured');
  assert.deepEqual((failed.details as { available: string[] }).available, []);
  await app.idle();
});

/** A provider behind fetch: answers each text with its length, or as `answer` says. */
function provider(answer?: () => Response) {
  const seen: { url: string; authorization: string | null }[] = [];
  const plane = fakePlane({
    env: {
      COGO_EMBEDDERS:
        '{"tiny":{"url":"https://models.test/v1","model":"org/tiny","dims":2,"key_env":"COGO_EMBED_TINY"}}',
      COGO_EMBED_TINY: 'secret-key-of-tiny',
    },
    deps: {
      limits: { lingerMs: 0 },
      wait: async () => {},
      fetch: async (input, given) => {
        const init = given as { headers: Record<string, string>; body: string };
        seen.push({ url: String(input), authorization: new Headers(init.headers).get('authorization') });
        if (answer && seen.length > 1) return answer();
        const { input: sent } = JSON.parse(init.body) as { input: string[] };
        return Response.json({
          data: sent.map((text, index) => ({
            index,
            embedding: text === 'four' ? [4, 3] : [(text.length % 7) - 3, 1],
          })),
        });
      },
    },
  });
  return { plane, seen, app: makeApp(plane.deps) };
}

Deno.test('a configured provider embeds, with its fingerprint', async () => {
  const { app, seen } = provider();
  const body = {
    items: [
      { id: 'a', text: 'four' },
      { id: 'b', text: ' ' },
    ],
    model: 'tiny',
  };
  const answer = await okJson<Answer>(embed, await app.request('/embed', post(body, 'token')));
  assert.deepEqual(vectorOf(answer.items[0]!), Float32Array.from([0.8, 0.6]));
  assert.ok('error' in answer.items[1]!);
  assert.match(answer.fingerprint, /^probe-1:2:/);
  assert.deepEqual(seen[0], {
    url: 'https://models.test/v1/embeddings',
    authorization: 'Bearer secret-key-of-tiny',
  });
  await app.idle();
});

Deno.test("a provider's model is not for callers without an identity", async () => {
  const { app, seen } = provider();
  const body = { items: texts(1), model: 'tiny' };
  await failedJson(await app.request('/embed', post(body, 'anon')), 401, 'unauthorized');
  assert.equal(seen.length, 0);
  await app.idle();
});

Deno.test("a provider's failure is the answer's, and its key is nowhere in it", async () => {
  const { app, plane } = provider(() =>
    Response.json({ error: { message: 'bad key secret-key-of-tiny' } }, { status: 401 }),
  );
  const response = await app.request('/embed', post({ items: texts(1), model: 'tiny' }, 'token'));
  await failedJson(response, 502, 'provider_error');
  await app.idle();
  assert.ok(!JSON.stringify([plane.ended, plane.events, plane.logs]).includes('secret-key-of-tiny'));
});

const bad: [string, unknown][] = [
  ['no items', { items: [] }],
  ['a number for a text', { items: [{ id: 1, text: 5 }] }],
  ['two items of one id', { items: [...texts(1), ...texts(1)] }],
  ['more items than a request may have', { items: texts(MAX_ITEMS + 1) }],
];
for (const [name, body] of bad) {
  Deno.test(`${name}: refused`, async () => {
    const { app } = stage();
    await failedJson(await app.request('/embed', post(body, 'anon')), 422, 'validation_failed');
    await app.idle();
  });
}
