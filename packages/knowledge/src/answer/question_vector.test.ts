// A project with a model of its own, and an embedder that fails at the time of the question.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { cogoError } from '@cogo/spec/errors.ts';
import { err, ok } from '@cogo/spec/result.ts';
import { openaiEmbedder } from '../embed/openai_embedder.ts';
import { probeModel } from '../embed/fingerprint.ts';
import { questionVectors } from '../embed/question_vectors.ts';
import {
  answer,
  hang,
  type ScriptedServer,
  scriptedServer,
  status,
  type Turn,
} from '../embed/scripted_server.ts';
import { search, type SearchOptions } from './search.ts';
import type { CallRpc } from './span.ts';

const DIMS = 8;
const FOUND = { items: [{ chunk_id: 1 }], generation: 3, took_ms: 1 };

async function stage(t: TestContext) {
  const server: ScriptedServer = await scriptedServer({ dims: DIMS });
  t.after(() => server.close());
  const embedder = openaiEmbedder(
    {
      name: 'm',
      url: server.url,
      model: 'm',
      dims: DIMS,
      batch: 4,
      concurrency: 1,
      maxTokens: 480,
      timeoutMs: 60_000,
      queryPrefix: '',
      documentPrefix: '',
    } as never,
    { fetch, wait: () => new Promise<void>(() => {}), now: Date.now, random: () => 0 },
  );
  const probed = await probeModel(embedder);
  assert.ok(probed.ok);
  const model = { name: 'm', dims: DIMS, fingerprint: probed.value };
  const asked: Record<string, unknown>[] = [];
  const rpc = (again: unknown = ok({ ...FOUND, items: [{ chunk_id: 2 }] })) =>
    ({
      call: async (_fn: string, args: { query: Record<string, unknown> }) => {
        asked.push(args.query);
        return args.query['vector'] === undefined ? ok({ ...FOUND, model }) : again;
      },
    }) as unknown as CallRpc;
  const vectorOf = questionVectors(new Map([['m', embedder]]));
  const ask = (more: Partial<SearchOptions> = {}) =>
    search({
      rpc: rpc(),
      projectId: 'p',
      q: 'how is a lease renewed',
      questionVector: vectorOf,
      questionVectorMs: 300,
      ...more,
    });
  return { server, ask, asked, rpc };
}

test('a vector that can be had is asked with', async (t) => {
  const { ask, asked } = await stage(t);
  const found = await ask();
  assert.ok(found.ok && !found.value.degraded);
  assert.equal(found.value.items[0]!.chunk_id, 2);
  assert.equal(asked.length, 2);
});

const FAULTS: [string, Turn, RegExp][] = [
  [
    'numbers that are none',
    answer(DIMS, undefined, () => `{"data":[{"index":0,"embedding":[NaN]}]}`),
    /^provider_error$/,
  ],
  ['too few dimensions', answer(DIMS - 1), /^(?:provider_error|version_mismatch)$/],
  [
    '429 for a long time',
    status(429, { 'retry-after': '3600' }),
    /^(?:rate_limited|quota_exceeded|provider_error)$/,
  ],
  ['429 for a short time', status(429, { 'retry-after': '30' }), /^timeout$/],
  ['nothing, ever', hang, /^timeout$/],
  ['500', status(500), /^(?:provider_error|unavailable|timeout)$/],
];
for (const [name, turn, code] of FAULTS) {
  test(`an embedder that answers ${name} costs the vectors and not the answer`, async (t) => {
    const { server, ask, asked } = await stage(t);
    server.always(turn);
    const found = await ask();
    assert.ok(found.ok, JSON.stringify(found));
    assert.equal(found.value.items[0]!.chunk_id, 1);
    assert.match(found.value.degraded!.code, code);
    assert.ok(found.value.degraded!.message.length > 0);
    assert.equal(asked.length, 1, 'a bad vector never reaches the database');
  });
}

for (const slug of ['stale_generation', 'bad_request'] as const) {
  test(`a vector the database refuses (${slug}) costs the vectors and not the answer`, async (t) => {
    const { ask, rpc } = await stage(t);
    const found = await ask({ rpc: rpc(err(cogoError(slug, 'another model now'))) });
    assert.ok(found.ok);
    assert.equal(found.value.degraded?.code, slug);
    assert.equal(found.value.items[0]!.chunk_id, 1);
  });
}

test('an embedder that throws is one that fails', async (t) => {
  const { ask } = await stage(t);
  const found = await ask({ questionVector: () => Promise.reject(new TypeError('secret')) });
  assert.ok(found.ok);
  assert.equal(found.value.degraded?.code, 'provider_error');
  assert.ok(!JSON.stringify(found.value).includes('secret'));
});

test('who leaves while the embedder is asked gets no search by words', async (t) => {
  const { ask, server } = await stage(t);
  server.always(hang);
  const leaving = new AbortController();
  const found = ask({ signal: leaving.signal, questionVectorMs: 60_000 });
  setImmediate(() => leaving.abort());
  const result = await found;
  assert.ok(!result.ok);
  assert.equal(result.error.code, 'aborted');
});
