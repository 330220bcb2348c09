import assert from 'node:assert/strict';
import { databaseError, httpRpc } from './rpc.ts';

const answers: [string, number, string, string, string][] = [
  [
    'a CG state is its slug and message',
    400,
    '{"code":"CG003","message":"no such project","details":null,"hint":null}',
    'not_found',
    'no such project',
  ],
  [
    'the hint is added to the message',
    400,
    '{"code":"CG020","message":"lease lost","hint":"Claim again"}',
    'lease_lost',
    'lease lost. Claim again',
  ],
  [
    'a JWT the gateway refuses is unauthorized',
    401,
    '{"code":"PGRST301","message":"JWT expired"}',
    'unauthorized',
    'JWT expired',
  ],
  [
    'a missing privilege is forbidden',
    403,
    '{"code":"42501","message":"permission denied for function x"}',
    'forbidden',
    'permission denied for function x',
  ],
  [
    'a missing function discloses nothing',
    404,
    '{"code":"PGRST202","message":"Could not find the function cogo_api.x"}',
    'internal',
    'The database refused the call (PGRST202).',
  ],
  [
    'another state discloses nothing',
    500,
    '{"code":"XX000","message":"internal secret"}',
    'internal',
    'The database refused the call (XX000).',
  ],
  [
    'a page of a proxy is read by its status',
    502,
    '<html>Bad gateway</html>',
    'unavailable',
    'The database gateway answered 502.',
  ],
  [
    'JSON that is no object is read by its status',
    503,
    'null',
    'unavailable',
    'The database gateway answered 503.',
  ],
];
for (const [name, status, text, slug, message] of answers) {
  Deno.test(`rpc: ${name}`, () => {
    const error = databaseError(status, text);
    assert.equal(error.code, slug);
    assert.equal(error.message, message);
  });
}

Deno.test('rpc: the detail of a CG error is read as JSON', () => {
  const error = databaseError(400, '{"code":"CG003","message":"m","details":"{\\"project_id\\":\\"x\\"}"}');
  assert.deepEqual(error.details, { project_id: 'x' });
});

Deno.test('rpc: a call goes to cogo_api as the caller, with the trace', async () => {
  let seen: { url: string; init: RequestInit } | undefined;
  const rpc = httpRpc({
    url: 'http://db.test/',
    apikey: 'pk',
    accessToken: 'user-jwt',
    cogoToken: 'cogo_pt_x',
    traceId: 'ab'.repeat(16),
    fetch: async (url, init) => {
      seen = { url: String(url), init: init! };
      return Response.json({ a: 1 });
    },
  });
  assert.deepEqual(await rpc.call('whoami', { b: 2 }), { ok: true, value: { a: 1 } });
  assert.equal(seen!.url, 'http://db.test/rest/v1/rpc/whoami');
  const headers = seen!.init.headers as Record<string, string>;
  assert.equal(headers['content-profile'], 'cogo_api');
  assert.equal(headers['apikey'], 'pk');
  assert.equal(headers['authorization'], 'Bearer user-jwt');
  assert.equal(headers['x-cogo-token'], 'cogo_pt_x');
  assert.equal(headers['x-trace-id'], 'ab'.repeat(16));
  assert.match(headers['traceparent']!, new RegExp(`^00-${'ab'.repeat(16)}-[0-9a-f]{16}-01$`));
  assert.equal(seen!.init.body, '{"b":2}');
});

Deno.test('rpc: an answer without a body is null', async () => {
  const rpc = httpRpc({
    url: 'http://db.test',
    apikey: 'k',
    fetch: () => Promise.resolve(new Response(null, { status: 204 })),
  });
  assert.deepEqual(await rpc.call('x'), { ok: true, value: null });
});

const never: typeof fetch = (_url, init) =>
  new Promise((_resolve, reject) => {
    const { signal } = init as { signal: AbortSignal };
    signal.addEventListener('abort', () => reject(signal.reason));
  });

Deno.test('rpc: a slow database is a timeout, a caller that leaves is aborted, a dead one unavailable', async () => {
  const slow = await httpRpc({ url: 'http://db.test', apikey: 'k', fetch: never, timeoutMs: 5 }).call('x');
  assert.ok(!slow.ok && slow.error.code === 'timeout');
  const controller = new AbortController();
  const left = httpRpc({ url: 'http://db.test', apikey: 'k', fetch: never }).call(
    'x',
    {},
    { signal: controller.signal },
  );
  controller.abort();
  const gone = await left;
  assert.ok(!gone.ok && gone.error.code === 'aborted');
  const dead = await httpRpc({
    url: 'http://db.test',
    apikey: 'secret-k',
    fetch: () => Promise.reject(new TypeError('refused secret-k')),
  }).call('x');
  assert.ok(!dead.ok && dead.error.code === 'unavailable' && !dead.error.message.includes('secret-k'));
});
