import assert from 'node:assert/strict';
import { cogoError } from '@cogo/spec/errors.ts';
import { err } from '@cogo/spec/result.ts';
import { chat, chatHistory, type ChatResponse } from '@cogo/spec/schemas/chat.ts';
import { readFrames } from '@cogo/spec/sse.ts';
import { dataOf, failedJson, okJson, readStream } from '../_testing/conformance.ts';
import { memoryChat } from '../_testing/memory_chat.ts';
import { CHUNKS, memoryIndex } from '../_testing/memory_index.ts';
import { asCaller, fakePlane, post, TEST_PROJECT, type FakeFunction } from '../_shared/testing.ts';
import { makeApp } from './app.ts';

function stage(functions: Record<string, FakeFunction> = {}, chunks = CHUNKS) {
  const index = { ...memoryIndex(chunks), ...functions };
  const chats = memoryChat(index.search);
  const plane = fakePlane({
    functions: { ...index, ...chats.functions, ...functions },
    deps: { limits: { lingerMs: 0 } },
  });
  return { plane, chats, app: makeApp(plane.deps) };
}

const QUESTION = 'How is the lease of a worker renewed?';
const ask = (more: Record<string, unknown> = {}) => ({ project_id: TEST_PROJECT, text: QUESTION, ...more });
const SSE = { accept: 'text/event-stream' };

Deno.test('an answer quotes the evidence verbatim, costs nothing and says who gave it', async () => {
  const { app, chats, plane } = stage();
  const answer = await okJson<ChatResponse & { message: { role: string; content: string } }>(
    chat,
    await app.request('/chat', post(ask(), 'anon')),
  );
  assert.equal(answer.refused, false);
  assert.deepEqual([answer.provider, answer.mode, answer.usage.cost_usd], ['cogo-embedded', 'extractive', 0]);
  assert.ok(answer.citations.length > 0);
  for (const citation of answer.citations) {
    const chunk = CHUNKS.find((item) => item.chunk_id === citation.chunk_id)!;
    assert.ok(chunk.text.includes(citation.quote), citation.quote);
    assert.ok(answer.text.includes(`[${citation.n}]`));
  }
  assert.deepEqual(answer.message, { role: 'assistant', content: answer.text });
  const { input_tokens, output_tokens, cost_usd } = chats.usage[0]!;
  assert.deepEqual(
    [input_tokens, output_tokens],
    [answer.usage.prompt_tokens, answer.usage.completion_tokens],
  );
  assert.equal(cost_usd, 0);
  await app.idle();
  const types = plane.events.map((event) => event.event_type);
  assert.deepEqual(types, ['chat.started', 'rag.done', 'llm.done', 'chat.done', 'request.done']);
  assert.ok(plane.events.every((event) => event.trace_id === answer.trace_id));
});

Deno.test('a stream is meta, evidence, deltas and the whole, in this order', async () => {
  const { app } = stage();
  const { frames, order } = await readStream(chat, await app.request('/chat', post(ask(), 'anon', SSE)));
  assert.equal(order, 'meta rag.item* rag.done llm.delta* llm.done done');
  const whole = dataOf<ChatResponse>(frames, 'llm.done')[0]!;
  const deltas = dataOf<{ token: string; index: number }>(frames, 'llm.delta');
  assert.equal(deltas.map((delta) => delta.token).join(''), whole.text);
  assert.deepEqual(
    deltas.map((delta) => delta.index),
    deltas.map((_, i) => i),
  );
  const items = dataOf<{ chunk_id: number }>(frames, 'rag.item');
  assert.equal(dataOf<{ count: number }>(frames, 'rag.done')[0]!.count, items.length);
  const shown = new Set(items.map((item) => item.chunk_id));
  assert.ok(whole.citations.every((citation) => shown.has(citation.chunk_id as number)));
  await app.idle();
});

Deno.test('`stream: true` in the body streams as the Accept header does', async () => {
  const { app } = stage();
  const { order } = await readStream(chat, await app.request('/chat', post(ask({ stream: true }), 'anon')));
  assert.equal(order, 'meta rag.item* rag.done llm.delta* llm.done done');
  await app.idle();
});

Deno.test('JSON and stream give the same answer', async () => {
  const { app } = stage();
  const plain = await okJson<ChatResponse>(chat, await app.request('/chat', post(ask(), 'anon')));
  const { frames } = await readStream(chat, await app.request('/chat', post(ask(), 'anon', SSE)));
  const whole = dataOf<ChatResponse>(frames, 'llm.done')[0]!;
  assert.equal(whole.text, plain.text);
  assert.deepEqual(whole.citations, plain.citations);
  assert.deepEqual(whole.usage, plain.usage);
  await app.idle();
});

for (const [name, text, pattern] of [
  ['English', 'What is the capital of Mongolia?', /No grounded answer/],
  ['Korean', '몽골의 수도는 어디인가요?', /근거 있는 답을 찾지 못했습니다/],
] as const) {
  Deno.test(`nothing in the index supports it: refused in ${name}, without citations`, async () => {
    const { app } = stage();
    const answer = await okJson<ChatResponse>(chat, await app.request('/chat', post(ask({ text }), 'anon')));
    assert.equal(answer.refused, true);
    assert.match(answer.text, pattern);
    assert.deepEqual(answer.citations, []);
    assert.equal(answer.finish_reason, 'no_evidence');
    await app.idle();
  });
}

Deno.test('a Korean question is answered from Korean text', async () => {
  const { app } = stage();
  const answer = await okJson<ChatResponse>(
    chat,
    await app.request('/chat', post(ask({ text: '리스가 만료되면 작업은 어떻게 되나요?' }), 'anon')),
  );
  assert.equal(answer.refused, false);
  assert.equal(answer.citations[0]!.path, 'docs/ko/leases.md');
  await app.idle();
});

Deno.test('without retrieval there is no evidence and so no answer', async () => {
  const { app, plane } = stage();
  const answer = await okJson<ChatResponse>(
    chat,
    await app.request('/chat', post(ask({ retrieval: { k: 0 } }), 'anon')),
  );
  assert.equal(answer.refused, true);
  assert.ok(!plane.calls.some((call) => call.fn === 'search' || 'query' in call.args));
  await app.idle();
});

Deno.test('retrieval takes filter and number of spans', async () => {
  const { app, plane } = stage();
  const retrieval = { k: 1, filter: { path_prefix: 'docs/' }, strategy: 'lexical' };
  const { frames } = await readStream(
    chat,
    await app.request('/chat', post(ask({ retrieval }), 'anon', SSE)),
  );
  assert.equal(dataOf(frames, 'rag.item').length, 1);
  const query = plane.calls.find((call) => call.fn === 'chat_begin')!.args['query'] as Record<
    string,
    unknown
  >;
  assert.deepEqual(query['filter'], { path_prefix: 'docs/' });
  assert.equal(query['strategy'], 'lexical');
  await app.idle();
});

Deno.test('a session goes on and its history is readable', async () => {
  const { app } = stage();
  const first = await okJson<ChatResponse>(chat, await app.request('/chat', post(ask(), 'anon')));
  const { session_id } = first;
  await okJson(
    chat,
    await app.request(
      '/chat',
      post(ask({ session_id, text: 'What happens when the lease expires?' }), 'anon'),
    ),
  );
  const history = await okJson<{ messages: { role: string; content: string }[] }>(
    chatHistory,
    await app.request(`/chat/history?session_id=${session_id}`, { headers: asCaller('anon') }),
  );
  assert.deepEqual(
    history.messages.map((message) => message.role),
    ['user', 'assistant', 'user', 'assistant'],
  );
  assert.equal(history.messages[1]!.content, first.text);
  await app.idle();
});

Deno.test("another's session answers not_found, in JSON and as an error frame", async () => {
  const { app, plane } = stage();
  const session_id = '99999999-9999-4999-8999-999999999999';
  const failed = await failedJson(
    await app.request('/chat', post(ask({ session_id }), 'anon')),
    404,
    'not_found',
  );
  assert.equal(failed.via, 'postgres');
  const { order, frames } = await readStream(
    chat,
    await app.request('/chat', post(ask({ session_id }), 'anon', SSE)),
  );
  assert.equal(order, 'meta error');
  assert.equal(dataOf<{ code: string }>(frames, 'error')[0]!.code, 'not_found');
  await app.idle();
  assert.equal(plane.events.filter((event) => event.event_type === 'chat.failed').length, 2);
});

for (const [name, body, reason] of [
  ['a model without a provider', { model: 'gpt-5' }, 'model_provider_missing'],
  ['a JSON object, which needs a model', { response_format: { type: 'json_object' } }, 'json_needs_model'],
] as const) {
  Deno.test(`${name} is not configured: no answer is invented and nothing is stored`, async () => {
    const { app, plane } = stage();
    const failed = await failedJson(
      await app.request('/chat', post(ask(body), 'anon')),
      503,
      'not_configured',
    );
    assert.equal((failed.details as { reason: string }).reason, reason);
    assert.ok(!plane.calls.some((call) => call.fn.startsWith('chat_')));
    await failedJson(await app.request('/chat', post(ask(body), 'anon', SSE)), 503, 'not_configured');
    await app.idle();
  });
}

Deno.test('the embedded model may be named', async () => {
  const { app } = stage();
  const answer = await okJson<ChatResponse>(
    chat,
    await app.request('/chat', post(ask({ model: 'cogo-extractive-v1' }), 'anon')),
  );
  assert.equal(answer.model, 'cogo-extractive-v1');
  await app.idle();
});

const bad: [string, unknown, number, string][] = [
  ['no project', { text: 'hi' }, 422, 'validation_failed'],
  ['neither text nor messages', { project_id: TEST_PROJECT }, 422, 'validation_failed'],
  ['both text and messages', ask({ messages: [{ role: 'user', content: 'x' }] }), 422, 'validation_failed'],
  ['a blank question', ask({ text: '   ' }), 422, 'validation_failed'],
  [
    'a last message that is not the user’s',
    { project_id: TEST_PROJECT, messages: [{ role: 'assistant', content: 'x' }] },
    422,
    'validation_failed',
  ],
  ['a project id that is no uuid', { project_id: 'demo', text: 'hi' }, 422, 'validation_failed'],
  ['an array', [], 422, 'validation_failed'],
];
for (const [name, body, status, code] of bad) {
  Deno.test(`a request with ${name} is refused before anything is written`, async () => {
    const { app, plane } = stage();
    await failedJson(await app.request('/chat', post(body, 'anon')), status, code);
    assert.deepEqual(plane.begun, []);
  });
}

Deno.test('malformed JSON is 400 and no key is 401', async () => {
  const { app } = stage();
  const init = post(ask(), 'anon');
  await failedJson(await app.request('/chat', { ...init, body: '{"project_id":' }), 400, 'invalid_json');
  const headers = { 'content-type': 'application/json' };
  await failedJson(await app.request('/chat', { ...init, headers }), 401, 'unauthorized');
});

Deno.test('an answer at once is stored by the call that ends its request, a retry gets the stored one', async () => {
  const { app, plane, chats } = stage();
  const init = post(ask(), 'anon', { 'idempotency-key': 'k-9' });
  const first = await okJson<ChatResponse>(chat, await app.request('/chat', init));
  // Nothing is awaited in between: what was answered is already stored.
  const again = await app.request('/chat', init);
  assert.equal(again.headers.get('idempotency-replayed'), 'true');
  assert.deepEqual(await okJson<ChatResponse>(chat, again), first);
  const { messages } = chats.sessions.get(first.session_id)!;
  assert.deepEqual(
    messages.map(({ id, role }) => [role, id === first.message_id]),
    [
      ['user', false],
      ['assistant', true],
    ],
  );
  assert.ok(!plane.calls.some((call) => call.fn === 'chat_end'));
  await app.idle();
});

Deno.test('a search that had to go by words alone is told of in the answer and in the stream', async () => {
  const plain = memoryIndex(CHUNKS);
  const model = { name: 'bge-m3', dims: 8, fingerprint: 'f' };
  // No embedder is configured here, so nobody can make the question's vector.
  const search: FakeFunction = async (args, caller) => ({
    ...((await plain.search(args, caller)) as object),
    model,
  });
  const { app } = stage({ search });
  const answer = await okJson<ChatResponse>(chat, await app.request('/chat', post(ask(), 'anon')));
  assert.equal(answer.degraded?.code, 'not_configured');
  assert.match(answer.degraded!.message, /bge-m3/);
  const { frames } = await readStream(chat, await app.request('/chat', post(ask(), 'anon', SSE)));
  assert.deepEqual(dataOf<ChatResponse>(frames, 'llm.done')[0]!.degraded, answer.degraded);
  await app.idle();
});

Deno.test('the same key replays the stream byte for byte, and the work is done once', async () => {
  const { app, plane } = stage();
  const init = post(ask(), 'anon', { ...SSE, 'idempotency-key': 'k-1' });
  const first = await readStream(chat, await app.request('/chat', init));
  await app.idle();
  const again = await app.request('/chat', init);
  assert.equal(again.headers.get('idempotency-replayed'), 'true');
  assert.equal((await readStream(chat, again)).text, first.text);
  assert.equal(plane.calls.filter((call) => call.fn === 'chat_begin').length, 1);
  await failedJson(
    await app.request('/chat', post(ask({ text: 'other' }), 'anon', { ...SSE, 'idempotency-key': 'k-1' })),
    409,
    'idempotency_conflict',
  );
});

Deno.test('a client that leaves midway ends the work: trace failed, key freed, no answer stored', async () => {
  const started = Promise.withResolvers<void>();
  const never = new Promise<never>(() => {});
  const { app, plane, chats } = stage({
    search: () => {
      started.resolve();
      return never;
    },
  });
  const response = await app.request('/chat', post(ask(), 'anon', { ...SSE, 'idempotency-key': 'k-2' }));
  const reader = response.body!.getReader();
  await reader.read();
  await started.promise;
  await reader.cancel();
  await app.idle();
  assert.equal(plane.ended[0]!['trace_status'], 'failed');
  assert.equal((plane.ended[0]!['error'] as { code: string }).code, 'aborted');
  assert.equal(plane.keys.size, 0);
  assert.deepEqual(chats.usage, []);
  const failed = plane.events.find((event) => event.event_type === 'chat.failed');
  assert.equal((failed!.payload as { code: string }).code, 'aborted');
});

Deno.test('a caller of JSON that leaves ends the work as well', async () => {
  const started = Promise.withResolvers<void>();
  const { app, plane, chats } = stage({
    search: () => {
      started.resolve();
      return new Promise(() => {});
    },
  });
  const leaving = new AbortController();
  const answer = app.request('/chat', {
    ...post(ask(), 'anon', { 'idempotency-key': 'k-4' }),
    signal: leaving.signal,
  });
  await started.promise;
  leaving.abort();
  assert.equal((await answer).status, 499);
  await app.idle();
  assert.equal((plane.ended[0]!['error'] as { code: string }).code, 'aborted');
  assert.equal(plane.keys.size, 0);
  assert.deepEqual(chats.usage, []);
});

Deno.test('of two equal requests at once one is answered and the other gets its answer', async () => {
  const { app, plane } = stage();
  const init = () => post(ask(), 'anon', { ...SSE, 'idempotency-key': 'k-5' });
  const [left, right] = await Promise.all([app.request('/chat', init()), app.request('/chat', init())]);
  const [one, two] = await Promise.all([readStream(chat, left), readStream(chat, right)]);
  assert.equal(one.text, two.text);
  assert.equal(plane.calls.filter((call) => call.fn === 'chat_begin').length, 1);
  await app.idle();
});

Deno.test('a search that fails is said in the stream, and the key may be used again', async () => {
  const { app, plane } = stage({ search: () => err(cogoError('unavailable', 'no database')) });
  const init = post(ask(), 'anon', { ...SSE, 'idempotency-key': 'k-3' });
  const { order } = await readStream(chat, await app.request('/chat', init));
  assert.equal(order, 'meta error');
  await app.idle();
  assert.equal(plane.keys.size, 0);
});

Deno.test('the question reaches neither log lines nor events', async () => {
  const { app, plane } = stage();
  const secretive = 'How is the lease renewed, xyzzy-4711?';
  const response = await app.request('/chat', post(ask({ text: secretive }), 'anon', SSE));
  for await (const _ of readFrames(response.body!));
  await app.idle();
  assert.ok(!JSON.stringify([plane.logs, plane.events]).includes('xyzzy-4711'));
});

Deno.test('healthz says which answerer is there', async () => {
  const { app } = stage();
  const health = (await (await app.request('/chat/healthz')).json()) as { ok: boolean; configured: unknown };
  assert.equal(health.ok, true);
  assert.deepEqual(health.configured, { answerer: 'cogo-embedded', provider: false });
});
