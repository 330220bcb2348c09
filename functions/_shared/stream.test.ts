import assert from 'node:assert/strict';
import { z } from 'zod';
import { parseFrames, readFrames, type Frame } from '@cogo/spec/sse.ts';
import type { FrameStream, StreamBody } from './context.ts';
import type { GivenDeps } from './plane.ts';
import { createApp } from './plane.ts';
import { fakePlane, post, type FakePlane } from './testing.ts';

function streaming(plane: FakePlane, body: StreamBody, options: { route?: unknown } = {}) {
  return createApp({ name: 'demo', deps: plane.deps }).route(
    {
      method: 'POST',
      path: '/',
      auth: 'anon',
      stream: true,
      idempotent: true,
      body: z.object({ stream: z.boolean().optional() }).loose(),
    },
    (ctx) => (ctx.wantsStream ? ctx.sse(body, options) : ctx.ok({ plain: true })),
  );
}

const quick = (deps: GivenDeps = {}): FakePlane =>
  fakePlane({ deps: { ...deps, limits: { lingerMs: 0, ...deps.limits } } });
const asStream = (headers: Record<string, string> = {}) =>
  post({}, 'anon', { accept: 'text/event-stream', ...headers });

const two: StreamBody = async (stream) => {
  await stream.send('llm.delta', { index: 0, token: 'a\nb\r\n"é한' });
  await stream.send('llm.done', { text: 'ab' });
};

Deno.test('a stream is meta, the frames of the handler and done, numbered, with LF only', async () => {
  const plane = quick({ now: () => Date.parse('2026-01-02T03:04:05Z') });
  const app = streaming(plane, two, { route: 'docs' });
  const response = await app.request('/demo', asStream({ 'x-trace-id': 'trace-12345678' }));
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'text/event-stream');
  assert.match(response.headers.get('cache-control')!, /no-transform/);
  const text = await response.text();
  assert.ok(!text.includes('\r'));
  assert.equal(
    text,
    'id: 1\nevent: meta\ndata: {"envelope_version":"v1","trace_id":"trace-12345678","event_type":"meta","ts":"2026-01-02T03:04:05.000Z","headers":{},"route":"docs"}\n\n' +
      'id: 2\nevent: llm.delta\ndata: {"index":0,"token":"a\\nb\\r\\n\\"é한"}\n\n' +
      'id: 3\nevent: llm.done\ndata: {"text":"ab"}\n\n' +
      'id: 4\nevent: done\ndata: {"trace_id":"trace-12345678","event_type":"done","ts":"2026-01-02T03:04:05.000Z"}\n\n',
  );
  await app.idle();
  assert.equal(plane.ended[0]?.['trace_status'], 'ready');
  assert.deepEqual(plane.ended[0]?.['output'], { text: 'ab' });
});

Deno.test('the trace row exists before the first frame', async () => {
  const order: string[] = [];
  const plane = fakePlane({
    functions: {
      request_begin: ({ request }) => {
        order.push('row');
        return { trace: { trace_id: (request as { trace_id: string }).trace_id } };
      },
    },
    deps: { limits: { lingerMs: 0 } },
  });
  const app = streaming(plane, async () => void order.push('handler'));
  const response = await app.request('/demo', asStream());
  for await (const frame of readFrames(response.body!)) order.push(frame.event);
  assert.deepEqual(
    order.filter((item) => item !== 'handler'),
    ['row', 'meta', 'done'],
  );
  await app.idle();
});

const form: [string, RequestInit, boolean][] = [
  ['the Accept header asks for a stream', asStream(), true],
  ['`stream: true` asks for a stream', post({ stream: true }, 'anon'), true],
  [
    '`stream: false` outweighs the Accept header',
    post({ stream: false }, 'anon', { accept: 'text/event-stream' }),
    false,
  ],
  ['without either the answer is JSON', post({}, 'anon'), false],
];
for (const [name, init, expected] of form) {
  Deno.test(name, async () => {
    const app = streaming(quick(), two);
    const response = await app.request('/demo', init);
    assert.equal(response.headers.get('content-type')!.startsWith('text/event-stream'), expected);
    await response.text();
    await app.idle();
  });
}

const failing: [string, StreamBody, string, string][] = [
  [
    'a failure returned',
    async () => ({
      kind: 'failure',
      error: { code: 'provider_error', message: 'EOF', status: 502, retryable: true },
      via: 'provider:x',
      headers: {},
    }),
    'provider_error',
    'provider:x',
  ],
  ['an exception', () => Promise.reject(new Error('boom sb_secret_abcdefghijkl')), 'internal', 'edge'],
];
for (const [name, body, code, via] of failing) {
  Deno.test(`${name} after the headers ends the stream with an error frame that holds the envelope`, async () => {
    const plane = quick();
    const app = streaming(plane, async (stream) => {
      await stream.send('llm.delta', { index: 0, token: 'a' });
      return await body(stream);
    });
    const frames = parseFrames(
      await (await app.request('/demo', asStream({ 'idempotency-key': 'k' }))).text(),
    );
    await app.idle();
    assert.deepEqual(
      frames.map((frame) => frame.event),
      ['meta', 'llm.delta', 'error'],
    );
    const data = frames[2]!.data as Record<string, unknown>;
    assert.equal(data['ok'], false);
    assert.equal(data['code'], code);
    assert.equal(data['via'], via);
    assert.equal(plane.ended[0]?.['trace_status'], 'failed');
    assert.equal(plane.keys.size, 0, 'the key is free again');
    assert.ok(!JSON.stringify([frames, plane.logs]).includes('abcdefghijkl'));
  });
}

Deno.test('a stream that takes too long ends with a timeout error', async () => {
  const plane = quick({ limits: { requestTimeoutMs: 5 } });
  const app = streaming(plane, () => new Promise(() => {}));
  const frames = parseFrames(await (await app.request('/demo', asStream())).text());
  await app.idle();
  assert.deepEqual(
    frames.map((frame) => frame.event),
    ['meta', 'error'],
  );
  assert.equal((frames[1]!.data as { code: string }).code, 'timeout');
});

Deno.test('an idle stream is pinged, and pings are not recorded', async () => {
  const plane = quick({ limits: { pingMs: 1 } });
  let release: () => void = () => {};
  const app = streaming(plane, () => new Promise<void>((resolve) => (release = resolve)));
  const response = await app.request('/demo', asStream({ 'idempotency-key': 'k' }));
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (!text.includes(': ping\n\n')) text += (await reader.read()).value ?? '';
  release();
  for (let step = await reader.read(); !step.done; step = await reader.read()) text += step.value;
  await app.idle();
  const [row] = plane.keys.values();
  assert.equal(row!.response!.body, text.replaceAll(': ping\n\n', ''));
});

Deno.test('the socket stays open for the linger time after done', async () => {
  const waits: number[] = [];
  const plane = fakePlane({ deps: { wait: async (ms) => void waits.push(ms) } });
  const app = streaming(plane, two);
  const text = await (await app.request('/demo', asStream({ 'idempotency-key': 'k' }))).text();
  await app.idle();
  assert.deepEqual(waits, [50]);
  assert.match(text, /event: done/);
  await (await app.request('/demo', asStream({ 'idempotency-key': 'k' }))).text();
  assert.deepEqual(waits, [50, 50]);
});

Deno.test('a client that leaves midway cancels the run, frees the key and fails the trace', async () => {
  const plane = quick();
  let seen: FrameStream | undefined;
  let aborted: () => void = () => {};
  const noticed = new Promise<void>((resolve) => (aborted = resolve));
  const app = streaming(plane, async (stream) => {
    seen = stream;
    stream.signal.addEventListener('abort', () => aborted());
    while (await stream.send('llm.delta', { token: 'x' })) await Promise.resolve();
  });
  const response = await app.request('/demo', asStream({ 'idempotency-key': 'k' }));
  const reader = response.body!.getReader();
  await reader.read();
  await reader.cancel();
  await noticed;
  await app.idle();
  assert.equal(await seen!.send('late', {}), false);
  assert.equal(plane.keys.size, 0);
  assert.equal(plane.ended[0]?.['trace_status'], 'failed');
  assert.equal((plane.ended[0]!['error'] as { code: string }).code, 'aborted');
});

Deno.test('a slow reader holds the handler back', async () => {
  const plane = quick();
  let sent = 0;
  const app = streaming(plane, async (stream) => {
    while (sent < 1000 && (await stream.send('llm.delta', { token: 'x'.repeat(10_000) }))) sent++;
  });
  const response = await app.request('/demo', asStream());
  const reader = response.body!.getReader();
  await reader.read();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.ok(sent < 20, `${sent} frames were made for a reader that took one`);
  await reader.cancel();
  await app.idle();
});

Deno.test('the same key gives the same frames byte for byte, and Last-Event-ID the rest of them', async () => {
  const plane = quick();
  const app = streaming(plane, two);
  const ask = async (headers: Record<string, string> = {}) => {
    const response = await app.request('/demo', asStream({ 'idempotency-key': 'k', ...headers }));
    const text = await response.text();
    await app.idle();
    return { response, text };
  };
  const first = await ask();
  const second = await ask();
  assert.equal(first.response.headers.get('idempotency-replayed'), null);
  assert.equal(second.response.headers.get('idempotency-replayed'), 'true');
  assert.equal(second.text, first.text);
  assert.equal(second.response.headers.get('x-trace-id'), first.response.headers.get('x-trace-id'));
  assert.equal(second.response.headers.get('content-type'), 'text/event-stream');
  const rest = await ask({ 'last-event-id': '2' });
  assert.deepEqual(
    parseFrames(rest.text).map((frame: Frame) => frame.id),
    ['3', '4'],
  );
  assert.ok(first.text.endsWith(rest.text));
  assert.equal((await ask({ 'last-event-id': '4' })).text, '');
  assert.equal((await ask({ 'last-event-id': 'unknown' })).text, first.text);
});

Deno.test('a stream larger than may be stored is sent whole and its key freed', async () => {
  const plane = quick({ limits: { maxStoredBytes: 300 } });
  const app = streaming(
    plane,
    async (stream) => void (await stream.send('llm.delta', { token: 'x'.repeat(400) })),
  );
  const text = await (await app.request('/demo', asStream({ 'idempotency-key': 'k' }))).text();
  await app.idle();
  assert.match(text, /event: done/);
  assert.equal(plane.keys.size, 0);
});
