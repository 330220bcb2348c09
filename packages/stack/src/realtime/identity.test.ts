import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { identify } from './identity.ts';

const CREDENTIALS = { publishableKey: 'sb_publishable_p', secretKey: 'sb_secret_s', jwtSecret: 'secret' };
const NOW = 1_700_000_000_000;

function jwt(claims: object, header: object = { alg: 'HS256' }, secret = 'secret'): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = `${part(header)}.${part(claims)}`;
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
}

const fresh = { role: 'authenticated', sub: 'u', exp: NOW / 1000 + 60 };

test('the publishable key is anon, the secret key service_role, and neither expires', () => {
  for (const [token, role] of [
    ['sb_publishable_p', 'anon'],
    ['sb_secret_s', 'service_role'],
  ] as const) {
    const identified = identify(token, CREDENTIALS, NOW);
    assert.deepEqual(identified, { ok: true, identity: { role, claims: { role }, expiresAt: null } });
  }
});

test('a JWT of the auth server is who it says until it expires', () => {
  const identified = identify(jwt(fresh), CREDENTIALS, NOW);
  assert.deepEqual(identified, {
    ok: true,
    identity: { role: 'authenticated', claims: fresh, expiresAt: NOW + 60_000 },
  });
});

test('a legacy anon key, a JWT itself, is anon', () => {
  const identified = identify(jwt({ ...fresh, role: 'anon' }), CREDENTIALS, NOW);
  assert.equal(identified.ok && identified.identity.role, 'anon');
});

const unsigned = `${jwt(fresh, { alg: 'none' }).split('.').slice(0, 2).join('.')}.`;
const [head, , signature] = jwt(fresh).split('.') as [string, string, string];
const tampered = `${head}.${Buffer.from(JSON.stringify({ ...fresh, sub: 'v' })).toString('base64url')}.${signature}`;

const REFUSED: [string, string, RegExp][] = [
  ['empty', '', /MalformedJWT/],
  ['no JWT', 'hello', /MalformedJWT/],
  ['four parts', `${jwt(fresh)}.x`, /MalformedJWT/],
  ['not JSON', 'aaa.bbb.ccc', /MalformedJWT/],
  ['a key of another project', 'sb_publishable_other', /InvalidAPIKey/],
  ['a longer key', 'sb_secret_sx', /InvalidAPIKey/],
  ['unsigned', unsigned, /MalformedJWT/],
  ['alg none with a signature', jwt(fresh, { alg: 'none' }), /JwtSignerError/],
  ['an asymmetric algorithm', jwt(fresh, { alg: 'RS256' }), /JwtSignerError/],
  ['another secret', jwt(fresh, { alg: 'HS256' }, 'other'), /JwtSignatureError/],
  ['other claims under the signature', tampered, /JwtSignatureError/],
  ['expired', jwt({ ...fresh, exp: NOW / 1000 - 5 }), /expired 5 seconds ago/],
  ['expiring now', jwt({ ...fresh, exp: NOW / 1000 }), /expired 0 seconds ago/],
  ['not valid yet', jwt({ ...fresh, nbf: NOW / 1000 + 5 }), /not valid yet/],
  ['no exp', jwt({ role: 'authenticated' }), /`role` and `exp`/],
  ['no role', jwt({ exp: fresh.exp }), /`role` and `exp`/],
  ['a role that is none of the API', jwt({ ...fresh, role: 'postgres' }), /role of the JWT/],
];

for (const [what, token, reason] of REFUSED) {
  test(`is refused: ${what}`, () => {
    const identified = identify(token, CREDENTIALS, NOW);
    assert.equal(identified.ok, false);
    assert.match(identified.ok ? '' : identified.reason, reason);
  });
}

test('a project without keys is open to nobody', () => {
  assert.equal(identify('', { ...CREDENTIALS, publishableKey: '', secretKey: '' }, NOW).ok, false);
});
