import assert from 'node:assert/strict';
import { rag, ragSearch, type RagResponse } from '@cogo/spec/schemas/rag.ts';
import { dataOf, failedJson, okJson, readStream } from '../_testing/conformance.ts';
import { CHUNKS, memoryIndex } from '../_testing/memory_index.ts';
import { fakePlane, post, TEST_PROJECT } from '../_shared/testing.ts';
import { makeApp } from './app.ts';
import { publicSpan, withoutNested } from '@cogo/knowledge/answer/find_evidence.ts';

function stage(chunks = CHUNKS) {
  const plane = fakePlane({ functions: memoryIndex(chunks), deps: { limits: { lingerMs: 0 } } });
  return { plane, app: makeApp(plane.deps) };
}

const ask = (more: Record<string, unknown> = {}) => ({
  project_id: TEST_PROJECT,
  q: 'lease heartbeat worker',
  ...more,
});

Deno.test('evidence is ranked spans with where they are and where they came from', async () => {
  const { app, plane } = stage();
  const found = await okJson<RagResponse>(rag, await app.request('/rag', post(ask(), 'anon')));
  assert.equal(found.count, found.items.length);
  assert.ok(found.count >= 2);
  assert.equal(found.generation, 3);
  assert.ok(
    found.items.every((item) => item.path !== '' && item.text !== '' && item.commit_sha === 'c0ffee'),
  );
  await app.idle();
  const done = plane.events.find((event) => event.event_type === 'rag.done')!;
  assert.deepEqual(
    (done.payload as { chunk_ids: unknown }).chunk_ids,
    found.items.map((item) => item.chunk_id),
  );
});

Deno.test('a stream has one frame a span and then the count', async () => {
  const { app } = stage();
  const { frames, order } = await readStream(
    rag,
    await app.request('/rag', post(ask(), 'anon', { accept: 'text/event-stream' })),
  );
  assert.equal(order, 'meta rag.item* rag.done done');
  assert.equal(dataOf<{ count: number }>(frames, 'rag.done')[0]!.count, dataOf(frames, 'rag.item').length);
  await app.idle();
});

Deno.test('/search gives the hits of the search as they come', async () => {
  const { app } = stage();
  const found = await okJson<RagResponse>(
    ragSearch,
    await app.request('/rag/search', post(ask({ limit: 1 }), 'anon')),
  );
  assert.equal(found.items.length, 1);
  await app.idle();
});

Deno.test('limit, strategy, filter and explain reach the search', async () => {
  const { app, plane } = stage();
  await app.request(
    '/rag',
    post(ask({ limit: 2, strategy: 'lexical', filter: { repo: 'demo' }, explain: true }), 'anon'),
  );
  const query = plane.calls.find((call) => call.fn === 'search')!.args['query'] as Record<string, unknown>;
  assert.deepEqual(
    [query['strategy'], query['explain'], query['filter']],
    ['lexical', true, { repo: 'demo' }],
  );
  await app.idle();
});

Deno.test('the search runs as the caller, not as the service', async () => {
  const { app, plane } = stage();
  await app.request('/rag', post(ask(), 'token'));
  const call = plane.calls.find((item) => item.fn === 'search')!;
  assert.notEqual(call.caller, 'service');
  await app.idle();
});

Deno.test('nothing indexed and a question without words give an empty answer', async () => {
  const empty = stage([]);
  const found = await okJson<RagResponse>(rag, await empty.app.request('/rag', post(ask(), 'anon')));
  assert.deepEqual([found.items, found.generation], [[], null]);
  const { app } = stage();
  const none = await okJson<RagResponse>(rag, await app.request('/rag', post(ask({ q: '?!' }), 'anon')));
  assert.deepEqual(none.items, []);
  await Promise.all([app.idle(), empty.app.idle()]);
});

Deno.test('strategy graph is not configured and names those that are', async () => {
  const { app } = stage();
  const failed = await failedJson(
    await app.request('/rag', post(ask({ strategy: 'graph' }), 'anon')),
    503,
    'not_configured',
  );
  assert.deepEqual((failed.details as { strategies: string[] }).strategies, [
    'auto',
    'hybrid',
    'lexical',
    'vector',
  ]);
  await app.idle();
});

const bad: [string, Record<string, unknown>][] = [
  ['an empty question', { q: ' ' }],
  ['a limit of 0', { limit: 0 }],
  ['a limit over 100', { limit: 101 }],
  ['a limit in words', { limit: 'ten' }],
  ['an unknown strategy', { strategy: 'magic' }],
];
for (const [name, more] of bad) {
  Deno.test(`${name} is refused`, async () => {
    const { app, plane } = stage();
    await failedJson(await app.request('/rag', post(ask(more), 'anon')), 422, 'validation_failed');
    assert.deepEqual(plane.begun, []);
  });
}

Deno.test('a span inside a better one of the same file is dropped, elsewhere it stays', () => {
  const [doc, code] = [CHUNKS[0]!, CHUNKS[1]!];
  const inner = {
    ...code,
    chunk_id: 9,
    start_line: 2,
    end_line: 3,
    text: code.text.split('\n').slice(1, 3).join('\n'),
  };
  const ids = (spans: typeof CHUNKS) => withoutNested(spans).map((span) => span.chunk_id);
  assert.deepEqual(ids([code, doc, inner]), [2, 1]);
  assert.deepEqual(ids([inner, code]), [9, 2]);
  assert.deepEqual(ids([code, { ...inner, path: 'src/other.ts' }]), [2, 9]);
  assert.deepEqual(ids([code, { ...inner, text: 'another text' }]), [2, 9]);
});

Deno.test('what the database adds to a span does not leave the function', () => {
  const span = publicSpan({ ...CHUNKS[0]!, content_hash: 'internal' } as never);
  assert.ok(!('content_hash' in span) && !('signals' in span));
});
