import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ALICE, KEYS, openGateway, type TestGateway, userToken, WireClient } from './testing.ts';

let gateway: TestGateway;
let listener: WireClient;
const mine = `owner:${ALICE}:http`;
before(async () => {
  gateway = await openGateway();
  listener = await WireClient.open(gateway);
  await listener.join('open');
  await listener.join(mine, { private: true }, userToken(ALICE));
});
after(async () => {
  await listener.close();
  await gateway.close();
});

const BATCH = '/realtime/v1/api/broadcast';
const anon = { apikey: KEYS.publishable_key };

function post(path: string, body: string | Uint8Array, headers: Record<string, string> = {}) {
  return fetch(`${gateway.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...anon, ...headers },
    body: body as string,
  });
}
const messages = (...list: object[]) => JSON.stringify({ messages: list });

test('a batch reaches its topics in order', async () => {
  const answer = await post(
    BATCH,
    messages(
      { topic: 'open', event: 'e', payload: { n: 1 } },
      { topic: 'open', event: 'e', payload: { n: 2 }, private: false },
    ),
  );
  assert.deepEqual([answer.status, await answer.text()], [202, '']);
  assert.deepEqual((await listener.event('broadcast')).payload, {
    type: 'broadcast',
    event: 'e',
    payload: { n: 1 },
  });
  assert.equal((await listener.event('broadcast')).payload.payload.n, 2);
});

test('a single message takes topic and event from the path, JSON or bytes', async () => {
  const path = `${BATCH}/open/events/${encodeURIComponent('사건 1')}`;
  assert.equal((await post(path, '{"n":3}')).status, 202);
  const json = (await listener.event('broadcast')).payload;
  assert.deepEqual([json.event, json.payload], ['사건 1', { n: 3 }]);
  const bytes = { 'content-type': 'application/octet-stream' };
  assert.equal((await post(path, Uint8Array.of(0, 255), bytes)).status, 202);
  assert.deepEqual([...(await listener.event('broadcast')).payload.payload], [0, 255]);
});

test('a private message needs the right to write, and one refused message refuses its batch', async () => {
  const secret = { topic: mine, event: 'e', payload: { n: 4 }, private: true };
  const both = messages({ topic: 'open', event: 'e', payload: { n: 'never' } }, secret);
  const refused = await post(BATCH, both);
  assert.equal(refused.status, 403);
  assert.match((await refused.json()).message, /^Unauthorized: .* write/);
  const user = { authorization: `Bearer ${userToken(ALICE)}` };
  assert.equal((await post(BATCH, messages(secret), user)).status, 202);
  assert.equal((await listener.event('broadcast')).payload.payload.n, 4);
  const path = `${BATCH}/${encodeURIComponent(mine)}/events/e?private=true`;
  assert.equal((await post(path, '{"n":5}')).status, 403);
  assert.equal((await post(path, '{"n":5}', { apikey: KEYS.secret_key })).status, 202);
  assert.equal((await listener.event('broadcast')).payload.payload.n, 5);
});

const PAYLOAD = { topic: 'open', event: 'e', payload: {} };
const REFUSED: [string, number, string, string, Record<string, string>][] = [
  ['no JSON', 422, BATCH, '{', {}],
  ['no messages', 422, BATCH, '{}', {}],
  ['an empty batch', 422, BATCH, messages(), {}],
  ['a message without a topic', 422, BATCH, messages({ ...PAYLOAD, topic: '' }), {}],
  ['a message without an event', 422, BATCH, messages({ ...PAYLOAD, event: 5 }), {}],
  ['a payload that is no object', 422, BATCH, messages({ ...PAYLOAD, payload: 'x' }), {}],
  ['a single message that is no JSON', 422, `${BATCH}/open/events/e`, 'x', {}],
  ['a topic that is not URL encoded', 422, `${BATCH}/%E0%A4%A/events/e`, '{}', {}],
  ['a payload over the limit', 422, BATCH, messages({ ...PAYLOAD, payload: { x: 'x'.repeat(300_000) } }), {}],
  ['a body over the limit', 413, BATCH, 'x'.repeat(1024 * 1024 + 1), {}],
  ['no key', 401, BATCH, messages(PAYLOAD), { apikey: '' }],
  ['a key of another project', 401, BATCH, messages(PAYLOAD), { apikey: 'sb_publishable_x' }],
  ['an expired token', 401, BATCH, messages(PAYLOAD), { authorization: `Bearer ${userToken(ALICE, -5)}` }],
  ['a forged token', 401, BATCH, messages(PAYLOAD), { authorization: `Bearer ${userToken(ALICE, 60, 'x')}` }],
];

for (const [what, status, path, body, headers] of REFUSED) {
  test(`answers ${status}: ${what}`, async () => {
    const answer = await post(path, body, headers);
    assert.equal(answer.status, status);
    assert.equal(typeof (await answer.json()).message, 'string');
  });
}

test('a browser may ask first, and other methods are named', async () => {
  const preflight = await fetch(`${gateway.url}${BATCH}`, { method: 'OPTIONS' });
  assert.equal(preflight.status, 204);
  assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /apikey/);
  const get = await fetch(`${gateway.url}${BATCH}`);
  assert.deepEqual([get.status, get.headers.get('allow')], [405, 'POST, OPTIONS']);
});

test('other paths are not Realtime', async () => {
  assert.equal(await gateway.realtime.handleHttp(new Request('http://x/realtime/v1/other')), undefined);
});
