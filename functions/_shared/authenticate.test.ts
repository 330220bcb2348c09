import assert from 'node:assert/strict';
import { cogoError } from '@cogo/spec/errors.ts';
import { err } from '@cogo/spec/result.ts';
import { signCall } from './agent_signature.ts';
import { authenticate, type AuthDeps } from './authenticate.ts';
import { remoteKeySet } from './jwks.ts';
import { ecKey, makeJwt, rsaKey, type TestKey } from './jwt_testing.ts';
import { fakePlane, TEST_KEYS, TEST_PROJECT } from './testing.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const inAnHour = NOW / 1000 + 3600;
const USER = '22222222-2222-4222-8222-222222222222';
const TOKEN = `cogo_pt_${'a'.repeat(32)}`;
const WORKER = `cogo_wt_${'a'.repeat(32)}`;

const ec = await ecKey('ec-1');
const rsa = await rsaKey('rsa-1');
const stranger = await ecKey('ec-1');

function setup(
  options: {
    fetch?: typeof fetch;
    env?: Record<string, string>;
    keys?: TestKey[];
    whoami?: () => unknown;
  } = {},
): AuthDeps {
  const plane = fakePlane({
    env: options.env ?? {},
    functions: options.whoami ? { whoami: options.whoami } : {},
  });
  const keys = options.keys ?? [ec, rsa];
  return {
    rpc: plane.deps.rpc!,
    env: plane.deps.env!,
    now: () => NOW,
    fetch: options.fetch ?? plane.deps.fetch!,
    keySet: remoteKeySet({
      url: 'http://supabase.test/jwks',
      now: () => NOW,
      fetch: () => Promise.resolve(Response.json({ keys: keys.map((key) => key.jwk) })),
    }),
  };
}

const call = (headers: Record<string, string>, body = '') => ({
  method: 'POST',
  path: '/chat',
  headers: new Headers(headers),
  body: new TextEncoder().encode(body),
  traceId: 'a'.repeat(32),
});

const hs = (claims: Record<string, unknown>, header: Record<string, unknown> = {}) =>
  makeJwt({ claims, header, secret: TEST_KEYS.jwtSecret });
const user = { sub: USER, role: 'authenticated', exp: inAnHour };
const { publishable, secret } = TEST_KEYS;

const accepted: [string, Record<string, string>, string, Record<string, string>?][] = [
  ['nothing at all is nobody', {}, 'none'],
  ['the publishable key is anonymous', { apikey: publishable }, 'anon'],
  ['the secret key is the service', { apikey: secret }, 'service'],
  [
    'the publishable key in both headers is anonymous',
    { apikey: publishable, authorization: `Bearer ${publishable}` },
    'anon',
  ],
  [
    'the older call with an anon JWT and the publishable key is anonymous',
    { apikey: publishable, authorization: `Bearer ${await hs({ role: 'anon', exp: inAnHour })}` },
    'anon',
  ],
  ['an anon JWT as apikey is anonymous', { apikey: await hs({ role: 'anon', exp: inAnHour }) }, 'anon'],
  [
    'a service_role JWT is the service',
    { authorization: `Bearer ${await hs({ role: 'service_role', exp: inAnHour })}` },
    'service',
  ],
  [
    'the secret key as bearer beside the publishable key is the service',
    { apikey: publishable, authorization: `bearer ${secret}` },
    'service',
  ],
  [
    'a user JWT signed with the shared secret is that user',
    { apikey: publishable, authorization: `Bearer ${await hs(user)}` },
    `user:${USER}`,
  ],
  [
    'a user JWT signed with ES256 is that user',
    { apikey: publishable, authorization: `Bearer ${await makeJwt({ claims: user, key: ec })}` },
    `user:${USER}`,
  ],
  [
    'a user JWT signed with RS256 is that user',
    { apikey: publishable, authorization: `Bearer ${await makeJwt({ claims: user, key: rsa })}` },
    `user:${USER}`,
  ],
  ['a user JWT without apikey is that user', { authorization: `Bearer ${await hs(user)}` }, `user:${USER}`],
  [
    'a user JWT beside the secret key acts as the user',
    { apikey: secret, authorization: `Bearer ${await hs(user)}` },
    `user:${USER}`,
  ],
  ['a project token is that token', { apikey: publishable, 'x-cogo-token': TOKEN }, 'token:test'],
  ['a worker token is that worker', { apikey: publishable, 'x-cogo-token': WORKER }, 'worker:test'],
  ['a token alone is enough', { 'x-cogo-token': TOKEN }, 'token:test'],
  ['the secret key beside a token is the service', { apikey: secret, 'x-cogo-token': TOKEN }, 'service'],
  [
    'a key of the JSON map of publishable keys is anonymous',
    { apikey: 'sb_publishable_other' },
    'anon',
    { SUPABASE_PUBLISHABLE_KEYS: '{"web":"sb_publishable_other"}' },
  ],
  [
    'a key of the JSON map of secret keys is the service',
    { apikey: 'sb_secret_other' },
    'service',
    { SUPABASE_SECRET_KEYS: '{"ci":"sb_secret_other"}' },
  ],
  ['the old anon variable counts', { apikey: 'old-anon' }, 'anon', { SUPABASE_ANON_KEY: 'old-anon' }],
  [
    'the old service variable counts',
    { apikey: 'old-service' },
    'service',
    { SUPABASE_SERVICE_ROLE_KEY: 'old-service' },
  ],
];

for (const [name, headers, id, env] of accepted) {
  Deno.test(`authenticate: ${name}`, async () => {
    const result = await authenticate(call(headers), setup(env ? { env } : {}));
    assert.ok(result.ok, JSON.stringify(result));
    assert.equal(result.value.id, id);
  });
}

const forged = await makeJwt({ claims: user, secret: 'another-secret-another-secret-another' });
const parts = (await hs(user)).split('.');
const refused: [string, Record<string, string>, RegExp][] = [
  ['an unknown key is refused', { apikey: 'sb_publishable_revoked' }, /unknown or was revoked/],
  [
    'a wrong key is refused even beside a good user JWT',
    { apikey: 'nope', authorization: `Bearer ${await hs(user)}` },
    /apikey is unknown/,
  ],
  [
    'a wrong bearer is refused even beside the secret key',
    { apikey: secret, authorization: 'Bearer nope' },
    /Authorization is unknown/,
  ],
  [
    'an empty key of an unset variable matches nothing',
    { apikey: '', authorization: 'Bearer x' },
    /unknown or was revoked/,
  ],
  ['basic authentication is refused', { authorization: 'Basic dTpw' }, /must be `Bearer/],
  [
    'an expired JWT says so',
    { authorization: `Bearer ${await hs({ ...user, exp: NOW / 1000 - 60 })}` },
    /has expired/,
  ],
  [
    'a JWT of the future says so',
    { authorization: `Bearer ${await hs({ ...user, nbf: NOW / 1000 + 60 })}` },
    /not valid yet/,
  ],
  [
    'a JWT signed with another secret says so',
    { authorization: `Bearer ${forged}` },
    /signature that does not match/,
  ],
  [
    'a JWT with swapped claims says so',
    {
      authorization: `Bearer ${parts[0]}.${(await hs({ ...user, role: 'service_role' })).split('.')[1]}.${parts[2]}`,
    },
    /signature that does not match/,
  ],
  [
    'alg none is refused',
    { authorization: `Bearer ${await hs(user, { alg: 'none' })}` },
    /algorithm that is not accepted/,
  ],
  [
    'alg none without a signature is refused',
    { authorization: `Bearer ${(await hs(user, { alg: 'none' })).split('.').slice(0, 2).join('.')}.` },
    /algorithm that is not accepted/,
  ],
  [
    'alg HS512 is refused',
    { authorization: `Bearer ${await hs(user, { alg: 'HS512' })}` },
    /algorithm that is not accepted/,
  ],
  [
    'a JWT without expiry is refused',
    { authorization: `Bearer ${await hs({ sub: USER, role: 'authenticated' })}` },
    /not a well-formed/,
  ],
  [
    'a JWT with a critical extension is refused',
    { authorization: `Bearer ${await hs(user, { crit: ['b64'] })}` },
    /not a well-formed/,
  ],
  [
    'a JWT of an unknown key id is refused',
    { authorization: `Bearer ${await makeJwt({ claims: user, key: ec, header: { kid: 'gone' } })}` },
    /does not publish/,
  ],
  [
    'a JWT of a stranger with a known key id is refused',
    { authorization: `Bearer ${await makeJwt({ claims: user, key: stranger })}` },
    /signature that does not match/,
  ],
  [
    'a public key used as an HMAC secret is refused',
    {
      authorization: `Bearer ${await makeJwt({ claims: user, secret: JSON.stringify(ec.jwk), header: { kid: 'ec-1' } })}`,
    },
    /signature that does not match/,
  ],
  [
    'a JWT of another role is refused',
    { authorization: `Bearer ${await hs({ sub: USER, role: 'supabase_admin', exp: inAnHour })}` },
    /role does not belong/,
  ],
  ['a user JWT as apikey is refused', { apikey: await hs(user) }, /role does not belong/],
  [
    'a malformed token is refused without asking the database',
    { apikey: publishable, 'x-cogo-token': 'cogo_pt_x' },
    /not a COGO token/,
  ],
  [
    'a token in the wrong header is told where it belongs',
    { authorization: `Bearer ${TOKEN}` },
    /belongs in the header x-cogo-token/,
  ],
  [
    'a signature without a configured secret is refused',
    { 'x-timestamp': String(NOW / 1000), 'x-signature': 'ab' },
    /not enabled/,
  ],
];

for (const [name, headers, message] of refused) {
  Deno.test(`authenticate: ${name}`, async () => {
    const result = await authenticate(call(headers), setup());
    assert.ok(!result.ok);
    assert.equal(result.error.code, 'unauthorized');
    assert.match(result.error.message, message);
    for (const value of Object.values(headers)) {
      if (value.length > 8) assert.ok(!result.error.message.includes(value.replace(/^Bearer /i, '')));
    }
  });
}

Deno.test('authenticate: a revoked token is unauthorized, as the database says', async () => {
  const whoami = () => err(cogoError('unauthorized', 'revoked', { sqlstate: 'CG001' }));
  const result = await authenticate(call({ 'x-cogo-token': TOKEN }), setup({ whoami }));
  assert.ok(!result.ok && result.error.code === 'unauthorized');
});

Deno.test('authenticate: a token the database takes for anonymous is unauthorized', async () => {
  const result = await authenticate(
    call({ 'x-cogo-token': TOKEN }),
    setup({ whoami: () => ({ kind: 'anon' }) }),
  );
  assert.ok(!result.ok && result.error.code === 'unauthorized');
});

Deno.test('authenticate: a token knows its project and a worker its lane', async () => {
  const result = await authenticate(call({ 'x-cogo-token': WORKER }), setup());
  assert.ok(result.ok);
  assert.equal(result.value.projectId, TEST_PROJECT);
  assert.equal(result.value.executor, 'cogo-work');
});

Deno.test('authenticate: an unreachable key server is unavailable, not unauthorized', async () => {
  const keySet = remoteKeySet({
    url: 'http://x.test',
    now: () => NOW,
    fetch: () => Promise.reject(new TypeError('down')),
  });
  const headers = { authorization: `Bearer ${await makeJwt({ claims: user, key: ec })}` };
  const result = await authenticate(call(headers), { ...setup(), keySet });
  assert.ok(!result.ok && result.error.code === 'unavailable');
});

const withoutSecret = { SUPABASE_JWT_SECRET: '' };
const asked: [string, () => Promise<Response>, string][] = [
  [
    'that knows it makes it that user',
    async () => Response.json({ id: USER, role: 'authenticated' }),
    `user:${USER}`,
  ],
  ['that refuses it makes it unauthorized', async () => new Response('no', { status: 401 }), 'unauthorized'],
  ['in trouble makes it unavailable', async () => new Response('no', { status: 500 }), 'unavailable'],
  ['that is down makes it unavailable', () => Promise.reject(new TypeError('down')), 'unavailable'],
];
for (const [name, answer, expected] of asked) {
  Deno.test(`authenticate: a JWT whose secret is not at hand is asked of the Auth server, and one ${name}`, async () => {
    const deps = setup({ env: withoutSecret, fetch: answer });
    const result = await authenticate(call({ authorization: `Bearer ${await hs(user)}` }), deps);
    assert.equal(result.ok ? result.value.id : result.error.code, expected);
  });
}

const HMAC = { COGO_AGENT_HMAC_SECRET: 'agent-secret-0123456789' };
const sign = async (timestamp: string, body: string, path = '/chat') =>
  await signCall(HMAC.COGO_AGENT_HMAC_SECRET, {
    method: 'POST',
    path,
    timestamp,
    body: new TextEncoder().encode(body),
  });
const at = (offset: number) => String(NOW / 1000 + offset);

const signed: [string, Record<string, string>, string, 'service' | RegExp][] = [
  [
    'a signed call is the service',
    { 'x-timestamp': at(0), 'x-signature': await sign(at(0), 'hi') },
    'hi',
    'service',
  ],
  [
    'a prefix before the signature is taken',
    { 'x-timestamp': at(0), 'x-signature': `sha256=${await sign(at(0), 'hi')}` },
    'hi',
    'service',
  ],
  [
    'a call signed 299 s ago is taken',
    { 'x-timestamp': at(-299), 'x-signature': await sign(at(-299), 'hi') },
    'hi',
    'service',
  ],
  [
    'a call signed 301 s ago is refused',
    { 'x-timestamp': at(-301), 'x-signature': await sign(at(-301), 'hi') },
    'hi',
    /5 minutes/,
  ],
  [
    'a call signed 301 s ahead is refused',
    { 'x-timestamp': at(301), 'x-signature': await sign(at(301), 'hi') },
    'hi',
    /5 minutes/,
  ],
  [
    'another body is refused',
    { 'x-timestamp': at(0), 'x-signature': await sign(at(0), 'hi') },
    'ho',
    /does not match/,
  ],
  [
    'another path is refused',
    { 'x-timestamp': at(0), 'x-signature': await sign(at(0), 'hi', '/rag') },
    'hi',
    /does not match/,
  ],
  [
    'another timestamp is refused',
    { 'x-timestamp': at(1), 'x-signature': await sign(at(0), 'hi') },
    'hi',
    /does not match/,
  ],
  ['a missing timestamp is refused', { 'x-signature': await sign(at(0), 'hi') }, 'hi', /x-timestamp/],
];

for (const [name, headers, body, expected] of signed) {
  Deno.test(`authenticate: ${name}`, async () => {
    const result = await authenticate(call(headers, body), setup({ env: HMAC }));
    if (expected === 'service') assert.ok(result.ok && result.value.id === 'service', JSON.stringify(result));
    else {
      assert.ok(!result.ok && result.error.code === 'unauthorized');
      assert.match(result.error.message, expected);
    }
  });
}

Deno.test('authenticate: a signed call with a token acts as the token', async () => {
  const headers = { 'x-timestamp': at(0), 'x-signature': await sign(at(0), ''), 'x-cogo-token': TOKEN };
  const result = await authenticate(call(headers), setup({ env: HMAC }));
  assert.ok(result.ok && result.value.id === 'token:test');
});
