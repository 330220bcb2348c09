import assert from 'node:assert/strict';
import { z } from 'zod';
import { cogoError, errorFromDatabase } from '@cogo/spec/errors.ts';
import { err } from '@cogo/spec/result.ts';
import { createApp } from './plane.ts';
import { asCaller, fakePlane, post, TEST_KEYS, TEST_PROJECT, type FakePlane } from './testing.ts';

const body = z.object({
  text: z.string().min(1),
  items: z.array(z.object({ id: z.number() })).default([]),
  extra: z.record(z.string(), z.unknown()).optional(),
  project_id: z.uuid().optional(),
});

function demo(plane: FakePlane) {
  return createApp({
    name: 'demo',
    deps: plane.deps,
    configured: (env) => ({ database: env('SUPABASE_URL') !== undefined }),
  })
    .route({ method: 'POST', path: '/', auth: 'anon', body }, (ctx) =>
      ctx.ok({ text: ctx.body.text, extra: ctx.body.extra ?? null }),
    )
    .route(
      {
        method: 'GET',
        path: '/items/:id',
        auth: 'anon',
        params: z.object({ id: z.uuid() }),
        query: z.object({ q: z.string().optional() }),
      },
      (ctx) => ctx.ok({ id: ctx.params.id, q: ctx.query.q ?? null }),
    )
    .route({ method: 'POST', path: '/member', auth: 'member' }, (ctx) => ctx.ok({ who: ctx.principal.id }))
    .route({ method: 'POST', path: '/service', auth: 'service' }, (ctx) => ctx.ok({}))
    .route({ method: 'POST', path: '/open', auth: 'any' }, (ctx) => ctx.ok({ who: ctx.principal.kind }))
    .route({ method: 'POST', path: '/throws', auth: 'anon' }, () => {
      throw new Error(`boom with ${TEST_KEYS.secret}`);
    })
    .route({ method: 'POST', path: '/hangs', auth: 'anon' }, () => new Promise(() => {}))
    .route({ method: 'POST', path: '/fails', auth: 'anon' }, (ctx) =>
      ctx.failWith(errorFromDatabase({ code: 'CG020', message: 'lease lost' })),
    )
    .route({ method: 'POST', path: '/provider', auth: 'anon' }, (ctx) =>
      ctx.fail('provider_error', 'down', { via: 'provider:openai' }),
    )
    .route(
      { method: 'POST', path: '/raw', auth: 'anon' },
      () => new Response('as is', { status: 201, headers: { 'content-type': 'text/plain' } }),
    );
}

async function json(response: Response) {
  return (await response.json()) as Record<string, unknown> & {
    details?: { in: string; issues: { path: unknown[] }[] };
  };
}

const text = (value: string, headers: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  headers: { ...asCaller('service'), 'content-type': 'application/json', ...headers },
  body: value,
});

Deno.test('a success is the envelope with the trace id in body and header', async () => {
  const plane = fakePlane();
  const response = await demo(plane).request(
    '/demo',
    post({ text: 'hi' }, 'anon', { 'x-trace-id': 'trace-12345678' }),
  );
  assert.equal(response.status, 200);
  assert.deepEqual(await json(response), {
    ok: true,
    trace_id: 'trace-12345678',
    envelope_version: 'v1',
    text: 'hi',
    extra: null,
  });
  assert.equal(response.headers.get('x-trace-id'), 'trace-12345678');
  assert.equal(response.headers.get('cache-control'), 'no-store');
  assert.match(response.headers.get('content-type')!, /^application\/json/);
});

Deno.test('the trace id comes from traceparent when there is no X-Trace-Id, and an invalid one is replaced', async () => {
  const app = demo(fakePlane());
  const parent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`;
  const first = await json(await app.request('/demo', post({ text: 'x' }, 'anon', { traceparent: parent })));
  assert.equal(first['trace_id'], 'ab'.repeat(16));
  const second = await json(
    await app.request('/demo', post({ text: 'x' }, 'anon', { 'x-trace-id': 'bad id!' })),
  );
  assert.match(String(second['trace_id']), /^[0-9a-f]{32}$/);
});

Deno.test('a trace id of somebody else is replaced by the one the database gives', async () => {
  const plane = fakePlane({
    functions: { request_begin: () => ({ trace: { trace_id: 'given-by-database' } }) },
  });
  const response = await demo(plane).request(
    '/demo',
    post({ text: 'x' }, 'anon', { 'x-trace-id': 'of-another-one' }),
  );
  assert.equal((await json(response))['trace_id'], 'given-by-database');
  assert.equal(response.headers.get('x-trace-id'), 'given-by-database');
});

const bad: [string, RequestInit, string, number, string, RegExp?][] = [
  [
    'malformed JSON names its position',
    text('{"text": "a",\n "items": }'),
    '/demo',
    400,
    'invalid_json',
    /line 2, column 11/,
  ],
  [
    'JSON that ends early names its end',
    text('{"text": '),
    '/demo',
    400,
    'invalid_json',
    /line 1, column 10/,
  ],
  ['an empty body is invalid JSON', text(''), '/demo', 400, 'invalid_json', /empty/],
  [
    'a body that is not UTF-8 is invalid JSON',
    { ...text(''), body: new Uint8Array([0x7b, 0xff, 0x7d]) },
    '/demo',
    400,
    'invalid_json',
    /UTF-8/,
  ],
  [
    'another content type is unsupported',
    text('text=1', { 'content-type': 'application/x-www-form-urlencoded' }),
    '/demo',
    415,
    'unsupported_media_type',
  ],
  [
    'a wrong type is a validation failure',
    text('{"text": 5}'),
    '/demo',
    422,
    'validation_failed',
    /body\.text/,
  ],
  ['an array instead of an object is a validation failure', text('[]'), '/demo', 422, 'validation_failed'],
  [
    'a NUL character is a validation failure',
    text('{"text": "a\\u0000b"}'),
    '/demo',
    422,
    'validation_failed',
    /NUL/,
  ],
  [
    'half a surrogate pair is a validation failure',
    text('{"text": "a\\ud83d"}'),
    '/demo',
    422,
    'validation_failed',
    /surrogate/,
  ],
  [
    'very deep nesting is a validation failure',
    text(`{"text":"a","extra":{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}}`),
    '/demo',
    422,
    'validation_failed',
    /64 levels/,
  ],
  ['no credentials are unauthorized', { method: 'POST', body: '{}' }, '/demo', 401, 'unauthorized', /apikey/],
  ['an anonymous caller may not act as a member', post({}, 'anon'), '/demo/member', 403, 'forbidden'],
  ['a token may not act as the service', post({}, 'token'), '/demo/service', 403, 'forbidden'],
  [
    'a wrong path parameter is a validation failure',
    { headers: asCaller('anon') },
    '/demo/items/xyz',
    422,
    'validation_failed',
    /params\.id/,
  ],
  [
    'a duplicate query parameter is a validation failure',
    { headers: asCaller('anon') },
    `/demo/items/${TEST_PROJECT}?q=1&q=2`,
    422,
    'validation_failed',
    /more than once/,
  ],
  ['an unknown path is not found', { headers: asCaller('anon') }, '/demo/nowhere', 404, 'not_found'],
  ['a wrong method is not allowed', { method: 'DELETE' }, '/demo', 405, 'method_not_allowed'],
  ['an error of the database keeps its slug', post({}, 'anon'), '/demo/fails', 409, 'lease_lost'],
  ['a provider error names its path', post({}, 'anon'), '/demo/provider', 502, 'provider_error'],
  ['a handler that throws is internal', post({}, 'anon'), '/demo/throws', 500, 'internal'],
];

for (const [name, init, path, status, code, message] of bad) {
  Deno.test(`bad input: ${name}`, async () => {
    const plane = fakePlane();
    const app = demo(plane);
    const response = await app.request(path, init);
    const answer = await json(response);
    await app.idle();
    assert.equal(response.status, status, JSON.stringify(answer));
    assert.equal(answer['ok'], false);
    assert.equal(answer['code'], code);
    assert.equal(answer['error'], code);
    assert.equal(typeof answer['retryable'], 'boolean');
    assert.equal(answer['trace_id'], response.headers.get('x-trace-id'));
    if (message) assert.match(String(answer['message']), message);
    assert.equal(response.headers.get('access-control-allow-origin'), '*');
  });
}

Deno.test('the way that failed is named: postgres by its SQLSTATE, a provider by the handler, else edge', async () => {
  const app = demo(fakePlane());
  const via = async (path: string) => (await json(await app.request(path, post({}, 'anon'))))['via'];
  assert.equal(await via('/demo/fails'), 'postgres');
  assert.equal(await via('/demo/provider'), 'provider:openai');
  assert.equal(await via('/demo/throws'), 'edge');
});

Deno.test('a validation failure lists the paths of the issues and not the values', async () => {
  const response = await demo(fakePlane()).request(
    '/demo',
    text('{"text":"ok","items":[{"id":1},{"id":"s3cret"}]}'),
  );
  const answer = await json(response);
  assert.equal(answer.details?.in, 'body');
  assert.deepEqual(answer.details?.issues[0]?.path, ['items', 1, 'id']);
  assert.ok(!JSON.stringify(answer).includes('s3cret'));
});

Deno.test('keys that could poison prototypes are harmless', async () => {
  const response = await demo(fakePlane()).request(
    '/demo',
    text(
      '{"text":"a","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"extra":{"__proto__":{"polluted":1}}}',
    ),
  );
  assert.equal(response.status, 200);
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
});

Deno.test('a body over the limit is refused by its declared length without being read', async () => {
  let pulled = 0;
  const stream = new ReadableStream<Uint8Array>(
    {
      pull: (c) => {
        pulled++;
        c.enqueue(new Uint8Array(65_536));
      },
    },
    { highWaterMark: 0 },
  );
  const app = demo(fakePlane());
  const init = {
    method: 'POST',
    headers: { ...asCaller('anon'), 'content-length': '5000000' },
    body: stream,
  };
  const response = await app.request('/demo', init);
  assert.equal(response.status, 413);
  assert.equal((await json(response))['code'], 'payload_too_large');
  assert.equal(pulled, 0);
});

Deno.test('an endless body without a length is refused, and not read for ever', async () => {
  let sent = 0;
  let cancelled = false;
  const stream = new ReadableStream<Uint8Array>(
    {
      pull: (c) => {
        sent += 65_536;
        c.enqueue(new Uint8Array(65_536));
      },
      cancel: () => {
        cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  const response = await demo(fakePlane()).request('/demo', {
    method: 'POST',
    headers: asCaller('anon'),
    body: stream,
  });
  assert.equal(response.status, 413);
  assert.ok(cancelled);
  assert.ok(sent <= 8 * 1_048_576 + 2 * 65_536, `${sent} bytes were read`);
});

Deno.test('a handler that hangs is answered timeout', async () => {
  const plane = fakePlane({ deps: { limits: { requestTimeoutMs: 5 } } });
  const app = demo(plane);
  const response = await app.request('/demo/hangs', post({}, 'anon'));
  assert.equal(response.status, 504);
  assert.equal((await json(response))['code'], 'timeout');
  await app.idle();
  assert.equal(plane.ended[0]?.['trace_status'], 'failed');
});

Deno.test('a client that goes away ends the run as aborted', async () => {
  const plane = fakePlane();
  const client = new AbortController();
  const app = createApp({ name: 'demo', deps: plane.deps }).route(
    { method: 'POST', path: '/', auth: 'anon' },
    (ctx) =>
      new Promise((resolve) => {
        ctx.signal.addEventListener('abort', () => resolve(ctx.ok({})));
        client.abort();
      }),
  );
  await app.request('/demo', { ...post({}, 'anon'), signal: client.signal });
  await app.idle();
  assert.equal(plane.ended[0]?.['trace_status'], 'failed');
  assert.deepEqual((plane.ended[0]!['error'] as { code: string }).code, 'aborted');
});

Deno.test('what a handler throws is logged without its secrets and not shown to the caller', async () => {
  const plane = fakePlane();
  const app = demo(plane);
  const shown = await (await app.request('/demo/throws', post({}, 'anon'))).text();
  assert.ok(!shown.includes('boom'));
  const logged = JSON.stringify(plane.logs);
  assert.ok(logged.includes('boom'));
  assert.ok(!logged.includes(TEST_KEYS.secret));
});

Deno.test('each request leaves one log line without keys, tokens or bodies', async () => {
  const plane = fakePlane();
  const app = demo(plane);
  await app.request('/demo', post({ text: 'private words' }, 'token'));
  await app.idle();
  const lines = plane.logs.filter((entry) => entry.msg === 'request');
  assert.equal(lines.length, 1);
  const { trace_id, ms, ...rest } = lines[0]!;
  assert.equal(typeof trace_id, 'string');
  assert.equal(typeof ms, 'number');
  assert.deepEqual(rest, {
    level: 'info',
    msg: 'request',
    function: 'demo',
    operation: 'POST /',
    status: 200,
    principal: 'token',
  });
  assert.ok(!/cogo_pt_|private words|sb_/.test(JSON.stringify(plane.logs)));
});

Deno.test('healthz answers without credentials and without touching the database', async () => {
  const plane = fakePlane();
  const response = await demo(plane).request('/demo/healthz');
  const answer = await json(response);
  assert.equal(response.status, 200);
  assert.equal(answer['ok'], true);
  assert.equal(answer['name'], 'demo');
  assert.deepEqual(answer['configured'], { database: true });
  assert.equal(plane.calls.length, 0);
});

Deno.test('HEAD answers like GET without a body', async () => {
  const response = await demo(fakePlane()).request('/demo/healthz', { method: 'HEAD' });
  assert.equal(response.status, 200);
  assert.equal(await response.text(), '');
});

Deno.test('a trailing slash makes no difference', async () => {
  const response = await demo(fakePlane()).request('/demo/', post({ text: 'a' }, 'anon'));
  assert.equal(response.status, 200);
});

Deno.test('a wrong method names the right ones, also below parameters', async () => {
  const app = demo(fakePlane());
  assert.equal((await app.request('/demo', { method: 'PUT' })).headers.get('allow'), 'POST');
  assert.equal((await app.request('/demo/items/1', { method: 'POST' })).headers.get('allow'), 'GET, HEAD');
});

Deno.test('a preflight is answered with methods, headers and a lifetime, without credentials', async () => {
  const response = await demo(fakePlane()).request('/demo', {
    method: 'OPTIONS',
    headers: { origin: 'https://app.test', 'access-control-request-method': 'POST' },
  });
  assert.equal(response.status, 204);
  assert.equal(response.headers.get('access-control-allow-origin'), '*');
  assert.match(response.headers.get('access-control-allow-methods')!, /POST/);
  for (const name of ['apikey', 'idempotency-key', 'x-cogo-token', 'last-event-id']) {
    assert.ok(response.headers.get('access-control-allow-headers')!.includes(name), name);
  }
});

Deno.test('origins can be narrowed', async () => {
  const app = demo(fakePlane({ env: { COGO_CORS_ORIGINS: 'https://a.test, https://b.test' } }));
  const of = async (origin: string) =>
    (await app.request('/demo/healthz', { headers: { origin } })).headers.get('access-control-allow-origin');
  assert.equal(await of('https://b.test'), 'https://b.test');
  assert.equal(await of('https://evil.test'), null);
});

Deno.test('an operation open to any needs no credentials, and a wrong one is still refused', async () => {
  const app = demo(fakePlane());
  assert.equal((await json(await app.request('/demo/open', { method: 'POST' })))['who'], 'none');
  assert.equal(
    (await app.request('/demo/open', { method: 'POST', headers: { apikey: 'wrong' } })).status,
    401,
  );
});

Deno.test('a Response of the handler passes as it is, with the trace id', async () => {
  const response = await demo(fakePlane()).request('/demo/raw', post({}, 'anon'));
  assert.equal(response.status, 201);
  assert.equal(await response.text(), 'as is');
  assert.ok(response.headers.get('x-trace-id'));
});

Deno.test('a project the caller may not see is not found, and no trace row names it', async () => {
  const hidden = () => err(cogoError('not_found', 'no such project', { sqlstate: 'CG003' }));
  const plane = fakePlane({ functions: { get_project: hidden } });
  const app = demo(plane);
  const response = await app.request('/demo', post({ text: 'a', project_id: TEST_PROJECT }, 'token'));
  assert.equal(response.status, 404);
  await app.idle();
  assert.equal(plane.begun.length, 1);
  assert.equal(plane.begun[0]?.project_id, undefined);
  assert.ok(plane.events.every((event) => !('project_id' in event)));
});

Deno.test('a project the caller may see is named in the trace, and asked about once in a while', async () => {
  const plane = fakePlane();
  const app = demo(plane);
  await app.request('/demo', post({ text: 'a', project_id: TEST_PROJECT }, 'token'));
  await app.request('/demo', post({ text: 'b', project_id: TEST_PROJECT }, 'token'));
  assert.deepEqual(
    plane.begun.map((ask) => ask.project_id),
    [TEST_PROJECT, TEST_PROJECT],
  );
  assert.equal(plane.calls.filter((call) => call.fn === 'get_project').length, 1);
});

Deno.test('a database that does not answer makes the function unavailable', async () => {
  const plane = fakePlane({
    functions: { request_begin: () => err(cogoError('unavailable', 'no gateway')) },
  });
  const response = await demo(plane).request('/demo', post({ text: 'a' }, 'anon'));
  assert.equal(response.status, 503);
  assert.equal((await json(response))['retryable'], true);
});

Deno.test('a function without its environment says which variable is missing', async () => {
  const app = createApp({
    name: 'demo',
    deps: { env: (key) => (key === 'SUPABASE_ANON_KEY' ? 'k' : undefined), log: () => {} },
  }).route({ method: 'POST', path: '/', auth: 'anon' }, (ctx) => ctx.ok({}));
  const response = await app.request('/demo', { method: 'POST', headers: { apikey: 'k' } });
  assert.equal(response.status, 503);
  assert.match(String((await json(response))['message']), /SUPABASE_URL/);
});

Deno.test('a failing request_end does not break the answer and is logged', async () => {
  const plane = fakePlane({ functions: { request_end: () => err(cogoError('unavailable', 'gone')) } });
  const app = demo(plane);
  assert.equal((await app.request('/demo', post({ text: 'a' }, 'anon'))).status, 200);
  await app.idle();
  assert.ok(
    plane.logs.some((entry) => entry.msg === 'request_end failed' && entry['error'] === 'unavailable'),
  );
});

Deno.test('an answer that is kept with the record of its request leaves only once it is kept', async () => {
  const asked = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  let fails = false;
  const plane = fakePlane({
    functions: {
      request_end: async () => {
        asked.resolve();
        await gate.promise;
        return fails ? err(cogoError('unavailable', 'The database is gone.')) : {};
      },
    },
  });
  const app = createApp({ name: 'demo', deps: plane.deps }).route(
    { method: 'POST', path: '/', auth: 'anon', body: z.object({}) },
    (ctx) => {
      ctx.keep('chat', { text: 'a' });
      return ctx.ok({ text: 'a' });
    },
  );
  let answered = false;
  const first = app.request('/demo', post({}, 'anon')).then((response) => {
    answered = true;
    return response;
  });
  await asked.promise;
  assert.equal(answered, false);
  gate.resolve();
  assert.equal((await first).status, 200);
  const { request } = plane.calls.find((call) => call.fn === 'request_end')!.args as {
    request: Record<string, unknown>;
  };
  assert.deepEqual([request['chat'], request['output']], [{ text: 'a' }, undefined]);

  fails = true;
  const lost = await app.request('/demo', post({}, 'anon'));
  assert.deepEqual([lost.status, (await json(lost))['code']], [503, 'unavailable']);
  await app.idle();
  const last = plane.calls.at(-1)!.args['request'] as Record<string, unknown>;
  assert.deepEqual([last['trace_status'], last['chat']], ['failed', undefined]);
});

Deno.test('reads leave no trace row', async () => {
  const plane = fakePlane();
  const app = demo(plane);
  const response = await app.request(`/demo/items/${TEST_PROJECT}?q=a`, { headers: asCaller('anon') });
  assert.deepEqual((await json(response))['q'], 'a');
  await app.idle();
  assert.equal(plane.calls.length, 0);
});

Deno.test('the end of a request is recorded with status, duration, output and its events in order', async () => {
  const plane = fakePlane();
  const app = createApp({ name: 'demo', deps: plane.deps }).route(
    { method: 'POST', path: '/', auth: 'anon' },
    (ctx) => {
      ctx.emit('rag.done', { count: 1 });
      ctx.emit('llm.done', { text: 'x'.repeat(100_000) });
      return ctx.ok({ answer: 42 });
    },
  );
  await app.request('/demo', post({}, 'anon'));
  await app.idle();
  assert.deepEqual(
    plane.events.map((event) => event.event_type),
    ['rag.done', 'llm.done', 'request.done'],
  );
  assert.equal((plane.events[1]!.payload as { truncated: boolean }).truncated, true);
  assert.equal(plane.ended[0]?.['trace_status'], 'ready');
  assert.deepEqual(plane.ended[0]?.['output'], { answer: 42 });
});

Deno.test('a handed-off trace stays running', async () => {
  const plane = fakePlane();
  const app = createApp({ name: 'demo', deps: plane.deps }).route(
    { method: 'POST', path: '/', auth: 'anon' },
    (ctx) => {
      ctx.handoff('22222222-2222-4222-8222-222222222222');
      return ctx.ok({});
    },
  );
  await app.request('/demo', post({}, 'anon'));
  await app.idle();
  assert.equal(plane.ended[0]?.['trace_status'], 'running');
});
