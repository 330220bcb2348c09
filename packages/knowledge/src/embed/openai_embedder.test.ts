import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Result } from '@cogo/spec/result.ts';
import type { EmbedderConfig } from './config.ts';
import type { Embedded } from './embedder.ts';
import { openaiEmbedder } from './openai_embedder.ts';
import { answer, cut, hang, scriptedServer, stall, status } from './scripted_server.ts';

const KEY = 'sk-very-secret-0123456789';

async function stage(t: TestContext, more: Partial<EmbedderConfig> = {}) {
  const server = await scriptedServer({ dims: 8 });
  t.after(() => server.close());
  const waits: number[] = [];
  const embedder = openaiEmbedder(
    {
      name: 'm',
      url: server.url,
      model: 'org/m',
      dims: 8,
      shorten: false,
      key: KEY,
      maxTokens: 480,
      batch: 4,
      concurrency: 1,
      timeoutMs: 20_000,
      queryPrefix: 'query: ',
      documentPrefix: '',
      ...more,
    },
    {
      fetch,
      wait: async (ms) => void waits.push(ms),
      now: () => Date.parse('2026-01-01T00:00:00Z'),
      random: () => 1,
    },
  );
  const embed = (texts: string[], signal?: AbortSignal) =>
    embedder.embed(texts, { kind: 'document', signal });
  return { server, waits, embedder, embed };
}

const outcomes = (result: Result<Embedded[]>) => {
  assert.ok(result.ok, JSON.stringify(result));
  return result.value.map((one) => (one.ok ? 'vector' : `${one.error.code}${one.final ? '!' : ''}`));
};

test('texts become vectors of norm 1, in order, in batches', async (t) => {
  const { server, embed } = await stage(t);
  const texts = ['one', 'two', 'three', 'four', 'five'];
  const result = await embed(texts);
  assert.deepEqual(
    outcomes(result),
    texts.map(() => 'vector'),
  );
  assert.deepEqual(
    server.seen.map((request) => request.input.length),
    [4, 1],
  );
  assert.equal(server.seen[0]!.authorization, `Bearer ${KEY}`);
  const [alone] = (await embed(['three'])).ok
    ? ((await embed(['three'])) as { value: Embedded[] }).value
    : [];
  assert.deepEqual(
    alone,
    (result as { value: Embedded[] }).value[2],
    'a vector does not depend on its neighbours',
  );
  for (const one of (result as { value: Embedded[] }).value) {
    assert.ok(one.ok);
    assert.ok(Math.abs(Math.hypot(...one.vector) - 1) < 1e-6);
  }
});

test('an answer in another order is put in order by its index', async (t) => {
  const { server, embed } = await stage(t);
  const straight = await embed(['one', 'two', 'three']);
  server.next(answer(8, undefined, (data) => data.reverse()));
  assert.deepEqual(await embed(['one', 'two', 'three']), straight);
});

test('an empty text, and one of signs alone, is never sent', async (t) => {
  const { server, embed } = await stage(t);
  assert.deepEqual(outcomes(await embed(['', ' \n', '!!!', 'word'])), [
    'validation_failed!',
    'validation_failed!',
    'validation_failed!',
    'vector',
  ]);
  assert.deepEqual(
    server.seen.map((request) => request.input),
    [['word']],
  );
  await embed(['']);
  assert.equal(server.seen.length, 1);
});

test('a question gets its prefix, and a long text is cut to the limit', async (t) => {
  const { server, embedder } = await stage(t, { maxTokens: 16 });
  const result = await embedder.embed(['word '.repeat(50)], { kind: 'question' });
  assert.ok(result.ok && result.value[0]?.ok && result.value[0].cut);
  assert.equal(server.seen[0]!.input[0], `query: ${'word '.repeat(8).trim()}`);
});

for (const [name, write] of [
  [
    'NaN',
    (n: number) =>
      `{"data":[{"index":0,"embedding":[${'0.5,'.repeat(n - 1)}NaN]},{"index":1,"embedding":[${'0.5,'.repeat(n - 1)}1]}]}`,
  ],
  [
    'null',
    (n: number) =>
      JSON.stringify({
        data: [
          { index: 0, embedding: Array(n).fill(null) },
          { index: 1, embedding: Array(n).fill(1) },
        ],
      }),
  ],
] as const) {
  test(`a vector with ${name} fails its text alone`, async (t) => {
    const { server, embed } = await stage(t);
    server.next(answer(8, undefined, () => write(8)));
    assert.deepEqual(outcomes(await embed(['a', 'b'])), ['provider_error', 'vector']);
  });
}

test('the zero vector is no vector', async (t) => {
  const { server, embed } = await stage(t);
  server.next(answer(8, undefined, (data) => data.map((one) => ({ ...one, embedding: Array(8).fill(0) }))));
  assert.deepEqual(outcomes(await embed(['a'])), ['provider_error!']);
});

test('one vector of other dimensions fails alone; when all have them, the embedder is configured wrong', async (t) => {
  const { server, embed } = await stage(t);
  server.next(
    answer(8, undefined, (data) =>
      data.map((one, at) => (at === 1 ? { ...one, embedding: [1, 2, 3] } : one)),
    ),
  );
  assert.deepEqual(outcomes(await embed(['a', 'b', 'c'])), ['vector', 'provider_error', 'vector']);
  server.next(answer(5));
  const failed = await embed(['a', 'b']);
  assert.ok(!failed.ok && failed.error.code === 'provider_error' && !failed.error.retryable);
  assert.match(failed.error.message, /5 dimensions, not 8/);
});

test('half a batch: what was left out is asked for again', async (t) => {
  const { server, embed } = await stage(t);
  server.next(answer(8, undefined, (data) => data.filter((one) => one.index % 2 === 0)));
  assert.deepEqual(outcomes(await embed(['a', 'b', 'c', 'd'])), ['vector', 'vector', 'vector', 'vector']);
  assert.deepEqual(
    server.seen.map((request) => request.input),
    [
      ['a', 'b', 'c', 'd'],
      ['b', 'd'],
    ],
  );
  server.always(answer(8, undefined, (data) => data.slice(0, 1)));
  assert.deepEqual(
    outcomes(await embed(['a', 'b', 'c'])),
    ['vector', 'vector', 'provider_error'],
    'twice, then it has failed',
  );
});

test('a text the server refuses is found by halving, and its neighbours get their vectors', async (t) => {
  const { server, embed } = await stage(t);
  server.always((request, response) =>
    (request.input.includes('bad') ? status(413, {}, { error: { message: 'input too long' } }) : answer(8))(
      request,
      response,
    ),
  );
  assert.deepEqual(outcomes(await embed(['a', 'b', 'bad', 'd'])), [
    'vector',
    'vector',
    'provider_error!',
    'vector',
  ]);
});

test('429 waits as long as Retry-After says, in seconds or to a date', async (t) => {
  const { server, embed, waits } = await stage(t);
  server.next(
    status(429, { 'retry-after': '7' }),
    status(429, { 'retry-after': 'Thu, 01 Jan 2026 00:00:09 GMT' }),
  );
  assert.deepEqual(outcomes(await embed(['a'])), ['vector']);
  assert.deepEqual(waits, [7000, 9000]);
});

test('429 for longer than a minute ends the call and says when to come back', async (t) => {
  const { server, embed, waits } = await stage(t);
  server.next(status(429, { 'retry-after': '3600' }));
  const failed = await embed(['a']);
  assert.ok(!failed.ok);
  assert.equal(failed.error.code, 'rate_limited');
  assert.equal((failed.error.details as { retry_after_s: number }).retry_after_s, 3600);
  assert.deepEqual(waits, []);
});

for (const [name, turn, code] of [
  ['a server that hangs', hang, 'timeout'],
  ['a server that stalls in its answer', stall, 'timeout'],
  ['a connection that is cut', cut, 'unavailable'],
  ['a server in trouble', status(500, {}, 'oops'), 'provider_error'],
  ['an answer that is no list', answer(8, undefined, () => '<html>'), 'provider_error'],
] as const) {
  test(`${name} is asked four times, with growing pauses, then given up`, async (t) => {
    const { server, embed, waits } = await stage(t, code === 'timeout' ? { timeoutMs: 100 } : {});
    server.always(turn);
    const failed = await embed(['a']);
    assert.ok(!failed.ok);
    assert.equal(failed.error.code, code);
    assert.equal(failed.error.retryable, true);
    assert.equal(server.seen.length, 4);
    assert.deepEqual(waits, [500, 1000, 2000]);
  });
}

test('a refused key is not retried, and never shows in the error', async (t) => {
  const { server, embed } = await stage(t);
  server.next(status(401, {}, { error: { message: `Incorrect API key provided: ${KEY}.` } }));
  const failed = await embed(['a']);
  assert.ok(!failed.ok && !failed.error.retryable);
  assert.equal(server.seen.length, 1);
  assert.ok(!JSON.stringify(failed).includes('very-secret'), JSON.stringify(failed));
});

test('a redirect is not followed', async (t) => {
  const { server, embed } = await stage(t);
  server.always(status(307, { location: 'http://127.0.0.1:9/steal' }));
  const failed = await embed(['a']);
  assert.ok(!failed.ok && failed.error.code === 'unavailable');
});

test('a stop ends a request under way at once', async (t) => {
  const { server, embed } = await stage(t);
  const stop = new AbortController();
  server.always(() => stop.abort());
  const failed = await embed(['a'], stop.signal);
  assert.ok(!failed.ok && failed.error.code === 'aborted');
  assert.equal(server.seen.length, 1);
});
