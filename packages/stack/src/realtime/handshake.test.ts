import assert from 'node:assert/strict';
import { test } from 'node:test';
import { handshake, isRealtimePath } from './handshake.ts';

const CREDENTIALS = { publishableKey: 'sb_publishable_p', secretKey: 'sb_secret_s', jwtSecret: 'secret' };
const KEY = 'apikey=sb_publishable_p';

function open(query: string, headers: Record<string, string> = {}, allowed: string[] | null = null) {
  return handshake({ url: `/realtime/v1/websocket?${query}`, headers }, CREDENTIALS, allowed, 0);
}

const CASES: [string, ReturnType<typeof open>, number][] = [
  ['a key', open(KEY), 0],
  ['the secret key, from a program', open('apikey=sb_secret_s'), 0],
  ['vsn 1.0.0', open(`${KEY}&vsn=1.0.0`), 0],
  ['vsn 2.0.0', open(`${KEY}&vsn=2.0.0`), 0],
  ['the key as a header', open('', { 'x-api-key': 'sb_publishable_p' }), 0],
  ['a page of this machine', open(KEY, { origin: 'http://localhost:5173' }), 0],
  ['a page of a named project on this machine', open(KEY, { origin: 'http://app.localhost' }), 0],
  ['a page over IPv6', open(KEY, { origin: 'http://[::1]:3000' }), 0],
  ['a page that was allowed', open(KEY, { origin: 'https://app.example' }, ['https://app.example']), 0],
  ['any page where any is allowed', open(KEY, { origin: 'https://x.example' }, ['*']), 0],
  ['no key', open(''), 401],
  ['a key of another project', open('apikey=sb_publishable_x'), 401],
  ['a key that is no key', open('apikey=x'), 401],
  ['another version', open(`${KEY}&vsn=3.0.0`), 400],
  ['a page from elsewhere', open(KEY, { origin: 'https://evil.example' }), 403],
  ['a page that only looks local', open(KEY, { origin: 'http://localhost.evil.example' }), 403],
  ['a page without an origin of its own', open(KEY, { origin: 'null' }), 403],
  ['the secret key in a page', open('apikey=sb_secret_s', { origin: 'http://localhost' }), 401],
];

for (const [what, verdict, status] of CASES) {
  test(`${status === 0 ? 'lets in' : `refuses with ${status}`}: ${what}`, () => {
    assert.equal(verdict.ok ? 0 : verdict.status, status);
  });
}

test('policies see the x- headers, the key not among them', () => {
  const verdict = open(KEY, { 'x-cogo-token': 't', 'x-api-key': 'sb_publishable_p', cookie: 'c' });
  assert.deepEqual(verdict.ok && verdict.headers, { 'x-cogo-token': 't' });
});

test('only its own path is Realtime', () => {
  assert.ok(isRealtimePath('/realtime/v1/websocket?apikey=x'));
  for (const path of [
    '/',
    '/realtime/v1',
    '/realtime/v1/websocket/x',
    '//realtime/v1/websocket',
    undefined,
  ]) {
    assert.ok(!isRealtimePath(path), path);
  }
});
