// The bare wire, in both versions, against a gateway on a real database.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { WebSocket } from 'ws';
import {
  ALICE,
  BOB,
  binaryPush,
  KEYS,
  openGateway,
  type TestGateway,
  userToken,
  WireClient,
} from './testing.ts';
import type { Vsn } from './wire.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await openGateway();
});
after(() => gateway.close());

const room = (n: string) => `owner:${ALICE}:${n}`;
const PRIVATE = { private: true };

for (const vsn of ['1.0.0', '2.0.0'] as Vsn[]) {
  describe(`vsn ${vsn}`, () => {
    test('join, heartbeat, broadcast and leave are answered in the shapes of Phoenix', async () => {
      const client = await WireClient.open(gateway, { vsn });
      const joined = await client.join('shapes');
      assert.deepEqual(joined.payload, { status: 'ok', response: { postgres_changes: [] } });
      assert.equal(joined.joinRef, joined.ref);
      const beat = await client.push('phoenix', 'heartbeat', {});
      assert.deepEqual([beat.topic, beat.payload], ['phoenix', { status: 'ok', response: {} }]);

      const other = await WireClient.open(gateway, { vsn });
      await other.join('shapes', { broadcast: { ack: true } });
      const payload = { type: 'broadcast', event: 'shout', payload: { n: 1 } };
      const ack = await other.push('realtime:shapes', 'broadcast', payload, '1');
      assert.deepEqual(ack.payload, { status: 'ok', response: {} });
      const heard = await client.event('broadcast');
      assert.deepEqual([heard.topic, heard.payload, heard.ref], ['realtime:shapes', payload, null]);
      assert.ok(!other.all.some(({ event }) => event === 'broadcast'));

      const left = await client.push('realtime:shapes', 'phx_leave', {}, '1');
      assert.deepEqual(left.payload, { status: 'ok', response: {} });
      const closed = await client.event('phx_close');
      assert.deepEqual([closed.ref, closed.joinRef, closed.payload], ['1', '1', {}]);
      await Promise.all([client.close(), other.close()]);
    });

    test('a private topic opens to whom the policies let, with the reason for others', async () => {
      const client = await WireClient.open(gateway, { vsn });
      const mine = await client.join(room('a'), PRIVATE, userToken(ALICE));
      assert.equal(mine.payload.status, 'ok');
      const others = await client.join(`owner:${BOB}`, PRIVATE, userToken(ALICE));
      assert.equal(others.payload.status, 'error');
      assert.match(others.payload.response.reason, /^Unauthorized: You do not have permissions to read/);
      const nobody = await client.join(room('b'), PRIVATE);
      assert.equal(nobody.payload.status, 'error');
      await client.close();
    });

    test('messages of the database come with their id', async () => {
      const client = await WireClient.open(gateway, { vsn });
      await client.join(room('db'), PRIVATE, userToken(ALICE));
      await gateway.send(room('db'), 'hello', { a: '방' });
      const { payload } = await client.event('broadcast');
      assert.deepEqual(payload, {
        type: 'broadcast',
        event: 'hello',
        payload: { a: '방', id: payload.meta.id },
        meta: { id: payload.meta.id },
      });
      await client.close();
    });

    test('presence: state on join, diffs, and a leave when a socket dies', async () => {
      const topic = `realtime:people-${vsn}`;
      const here = await WireClient.open(gateway, { vsn });
      await here.join(topic.slice(9), { presence: { enabled: true, key: 'here' } });
      assert.deepEqual((await here.event('presence_state')).payload, {});
      await here.push(topic, 'presence', { type: 'presence', event: 'track', payload: { n: 1 } }, '1');
      const own = (await here.event('presence_diff')).payload;
      assert.equal(own.joins.here.metas[0].n, 1);

      const late = await WireClient.open(gateway, { vsn });
      await late.join(topic.slice(9), { presence: { enabled: true, key: 'late' } });
      assert.deepEqual((await late.event('presence_state')).payload, own.joins);
      await late.push(topic, 'presence', { type: 'presence', event: 'track', payload: {} }, '1');
      const joined = (await here.event('presence_diff')).payload;
      late.ws.terminate();
      assert.deepEqual((await here.event('presence_diff')).payload, { joins: {}, leaves: joined.joins });
      await here.close();
    });

    test('frames that are no messages are answered and the socket lives on', async () => {
      const client = await WireClient.open(gateway, { vsn });
      for (const text of ['{', '"x"', '[]', '{}', 'null']) client.ws.send(text);
      for (let n = 0; n < 5; n += 1) {
        const answer = await client.event('phx_reply');
        assert.equal(answer.payload.status, 'error');
        assert.match(answer.payload.response.reason, /^MalformedMessage: /);
      }
      const beat = await client.push('phoenix', 'heartbeat', {});
      assert.equal(beat.payload.status, 'ok');
      await client.close();
    });
  });
}

test('a binary push reaches both versions, its bytes only the newer', async () => {
  const [sender, newer, older] = await Promise.all([
    WireClient.open(gateway),
    WireClient.open(gateway),
    WireClient.open(gateway, { vsn: '1.0.0' }),
  ]);
  await sender.join('binary', { broadcast: { ack: true } });
  await Promise.all([newer.join('binary'), older.join('binary')]);
  const push = { joinRef: '1', topic: 'realtime:binary', event: '사건' };
  sender.ws.send(binaryPush({ ...push, ref: 'b', body: Uint8Array.of(0, 255), json: false }));
  sender.ws.send(binaryPush({ ...push, ref: 'j', body: Buffer.from('{"n": 1}'), json: true }));
  assert.equal((await sender.next(({ ref }) => ref === 'b')).payload.status, 'ok');
  assert.equal((await sender.next(({ ref }) => ref === 'j')).payload.status, 'ok');
  assert.deepEqual([...(await newer.event('broadcast')).payload.payload], [0, 255]);
  const json = { type: 'broadcast', event: '사건', payload: { n: 1 } };
  assert.deepEqual((await newer.event('broadcast')).payload, json);
  assert.deepEqual((await older.event('broadcast')).payload, json);
  await Promise.all([sender.close(), newer.close(), older.close()]);
});

test('a private and a public topic of one name do not hear each other', async () => {
  const [open, closed] = await Promise.all([WireClient.open(gateway), WireClient.open(gateway)]);
  await open.join(room('twins'));
  await closed.join(room('twins'), PRIVATE, userToken(ALICE));
  await gateway.send(room('twins'), 'e', { which: 'private' });
  await gateway.send(room('twins'), 'e', { which: 'public' }, false);
  assert.equal((await open.event('broadcast')).payload.payload.which, 'public');
  assert.equal((await closed.event('broadcast')).payload.payload.which, 'private');
  await Promise.all([open.close(), closed.close()]);
});

test('who may read but not write is told so, and nobody hears it', async () => {
  const [reader, listener] = await Promise.all([WireClient.open(gateway), WireClient.open(gateway)]);
  await reader.join('open:board', { private: true, broadcast: { ack: true }, presence: { enabled: true } });
  await listener.join('open:board', PRIVATE);
  const push = { type: 'broadcast', event: 'e', payload: { n: 1 } };
  const answer = await reader.push('realtime:open:board', 'broadcast', push, '1');
  assert.match(answer.payload.response.reason, /^Unauthorized: .* write/);
  const track = await reader.push('realtime:open:board', 'presence', { event: 'track', payload: {} }, '1');
  assert.match(track.payload.response.reason, /^Unauthorized: .* write/);
  await gateway.send('open:board', 'e', { n: 2 });
  assert.equal((await listener.event('broadcast')).payload.payload.n, 2);
  await Promise.all([reader.close(), listener.close()]);
});

test('the secret key passes every policy', async () => {
  const client = await WireClient.open(gateway, { apikey: KEYS.secret_key });
  const joined = await client.join(room('any'), { private: true, broadcast: { ack: true, self: true } });
  assert.equal(joined.payload.status, 'ok');
  const push = { type: 'broadcast', event: 'e', payload: {} };
  assert.equal((await client.push(`realtime:${room('any')}`, 'broadcast', push, '1')).payload.status, 'ok');
  assert.deepEqual((await client.event('broadcast')).payload, push);
  await client.close();
});

test('joining a topic again closes the first join and answers the second', async () => {
  const client = await WireClient.open(gateway);
  await client.join('again');
  const second = await client.join('again');
  assert.equal(second.payload.status, 'ok');
  assert.equal((await client.event('phx_close')).joinRef, '1');
  await gateway.send('again', 'e', { n: 1 }, false);
  await gateway.send('again', 'e', { n: 2 }, false);
  assert.equal((await client.event('broadcast')).payload.payload.n, 1);
  assert.equal((await client.event('broadcast')).payload.payload.n, 2);
  // A leave of the first join is late: the second stays.
  await client.push('realtime:again', 'phx_leave', {}, '1');
  await gateway.send('again', 'e', { n: 3 }, false);
  assert.equal((await client.event('broadcast')).payload.payload.n, 3);
  await client.close();
});

test('what is sent to a topic that is not joined is answered', async () => {
  const client = await WireClient.open(gateway);
  const answers = [
    await client.push('realtime:none', 'broadcast', {}),
    await client.push('phoenix', 'phx_join', {}),
    await client.push('other:none', 'phx_join', {}),
  ];
  for (const { payload } of answers) {
    assert.deepEqual(payload, { status: 'error', response: { reason: 'unmatched topic' } });
  }
  assert.equal((await client.push('realtime:none', 'phx_leave', {})).payload.status, 'ok');
  assert.match((await client.join('')).payload.response.reason, /topic name/);
  assert.match((await client.join('x'.repeat(2000))).payload.response.reason, /too long/);
  await client.close();
});

test('an event that channels do not have is answered', async () => {
  const client = await WireClient.open(gateway);
  await client.join('unknown');
  const answer = await client.push('realtime:unknown', 'dance', {}, '1');
  assert.match(answer.payload.response.reason, /^UnknownEvent: dance/);
  await client.close();
});

test('replay: the newest since a time, marked, then what follows', async () => {
  const client = await WireClient.open(gateway);
  for (let n = 1; n <= 4; n += 1) await gateway.send(room('replay'), 'e', { n });
  const joined = await client.join(
    room('replay'),
    { private: true, broadcast: { replay: { since: Date.now() - 60_000, limit: 2 } } },
    userToken(ALICE),
  );
  assert.equal(joined.payload.status, 'ok');
  await gateway.send(room('replay'), 'e', { n: 5 });
  const heard = [];
  for (let n = 0; n < 3; n += 1) heard.push((await client.event('broadcast')).payload);
  assert.deepEqual(
    heard.map(({ payload, meta }) => [payload.n, meta.replayed ?? false]),
    [
      [3, true],
      [4, true],
      [5, false],
    ],
  );
  await client.close();
});

test('a replay that is wrong or of a public topic is refused', async () => {
  const client = await WireClient.open(gateway);
  const wrong = await client.join(
    room('r'),
    { private: true, broadcast: { replay: { since: 'x' } } },
    userToken(ALICE),
  );
  assert.match(wrong.payload.response.reason, /^UnableToReplayMessages/);
  const open = await client.join('r', { broadcast: { replay: { since: 0 } } });
  assert.match(open.payload.response.reason, /public channels/);
  await client.close();
});

test('a fresh token is looked at, and one that may no longer read closes the channel', async () => {
  const client = await WireClient.open(gateway);
  const topic = `realtime:${room('token')}`;
  await client.join(room('token'), PRIVATE, userToken(ALICE));
  client.send(topic, 'access_token', { access_token: userToken(ALICE, 7200) }, '1');
  await gateway.send(room('token'), 'e', { n: 1 });
  assert.equal((await client.event('broadcast')).payload.payload.n, 1);
  client.send(topic, 'access_token', { access_token: userToken(BOB) }, '1');
  const told = await client.event('system');
  assert.equal(told.payload.status, 'error');
  assert.match(told.payload.message, /no longer have permission/);
  assert.equal((await client.event('phx_close')).joinRef, '1');
  await client.close();
});

test('signing out, the key in place of the token, closes what anon may not read', async () => {
  const client = await WireClient.open(gateway);
  await client.join(room('out'), PRIVATE, userToken(ALICE));
  client.send(`realtime:${room('out')}`, 'access_token', { access_token: KEYS.publishable_key }, '1');
  assert.match((await client.event('system')).payload.message, /no longer have permission/);
  await client.close();
});

test('a forged token closes the channel', async () => {
  const client = await WireClient.open(gateway);
  await client.join(room('forged'), PRIVATE, userToken(ALICE));
  const forged = userToken(ALICE, 3600, 'another secret');
  client.send(`realtime:${room('forged')}`, 'access_token', { access_token: forged }, '1');
  assert.match((await client.event('system')).payload.message, /^JwtSignatureError/);
  await client.event('phx_close');
  const joined = await client.join(room('forged'), PRIVATE, forged);
  assert.match(joined.payload.response.reason, /^JwtSignatureError/);
  await client.close();
});

test('a subscription to postgres changes is told that there are none here', async () => {
  const client = await WireClient.open(gateway);
  const wanted = { event: '*', schema: 'public', table: 'things' };
  const joined = await client.join('changes', { postgres_changes: [wanted] });
  const { id, ...echoed } = joined.payload.response.postgres_changes[0];
  assert.equal(typeof id, 'number');
  assert.deepEqual(echoed, wanted);
  const told = await client.event('system');
  assert.equal(told.payload.extension, 'postgres_changes');
  assert.equal(told.payload.status, 'error');
  await client.close();
});

test('a message over the limit is refused, one below it goes through', async () => {
  const [sender, listener] = await Promise.all([WireClient.open(gateway), WireClient.open(gateway)]);
  await sender.join('large', { broadcast: { ack: true } });
  await listener.join('large');
  const push = (length: number) =>
    sender.push(
      'realtime:large',
      'broadcast',
      { type: 'broadcast', event: 'e', payload: { x: 'x'.repeat(length) } },
      '1',
    );
  assert.match((await push(256 * 1024)).payload.response.reason, /^PayloadSizeExceeded/);
  assert.equal((await push(250 * 1024)).payload.status, 'ok');
  assert.equal((await listener.event('broadcast')).payload.payload.x.length, 250 * 1024);
  await Promise.all([sender.close(), listener.close()]);
});

test('without acknowledgement a refusal comes as a system message', async () => {
  const client = await WireClient.open(gateway);
  await client.join('large2');
  const payload = { type: 'broadcast', event: 'e', payload: { x: 'x'.repeat(300_000) } };
  client.send('realtime:large2', 'broadcast', payload, '1');
  const told = await client.event('system');
  assert.deepEqual([told.payload.extension, told.payload.status], ['broadcast', 'error']);
  await client.close();
});

test('a frame over the limit and text that is not UTF-8 end the connection with the code of the protocol', async () => {
  const huge = await WireClient.open(gateway);
  huge.ws.send('x'.repeat(1024 * 1024 + 1));
  assert.equal((await huge.closed).code, 1009);
  const broken = await WireClient.open(gateway);
  broken.ws.send(Uint8Array.of(0xc3, 0x28), { binary: false });
  assert.equal((await broken.closed).code, 1007);
});

test('a client that sends nothing but nonsense is closed', async () => {
  const client = await WireClient.open(gateway);
  for (let n = 0; n < 20; n += 1) client.ws.send('nonsense');
  const { code, reason } = await client.closed;
  assert.deepEqual([code, reason], [1007, 'Too many malformed messages']);
});

test('deep nesting is a message like any other or refused, and no crash', async () => {
  const client = await WireClient.open(gateway);
  await client.join('deep', { broadcast: { ack: true } });
  const deep = `${'['.repeat(60_000)}${']'.repeat(60_000)}`;
  client.ws.send(`["1","9","realtime:deep","broadcast",{"type":"broadcast","event":"e","payload":${deep}}]`);
  await client.next(({ ref, event }) => event === 'phx_reply' && (ref === '9' || ref === null));
  assert.equal((await client.push('phoenix', 'heartbeat', {})).payload.status, 'ok');
  await client.close();
});

test('connections without a right key, version or origin are refused with the reason', async () => {
  const attempt = (query: string, headers: Record<string, string> = {}) =>
    new Promise<[number | undefined, string]>((resolve) => {
      const ws = new WebSocket(`ws://127.0.0.1:${gateway.port}${query}`, { headers });
      ws.on('error', () => {});
      ws.on('unexpected-response', (_, response) => {
        let body = '';
        response.on('data', (chunk) => {
          body += chunk;
        });
        response.on('end', () => resolve([response.statusCode, JSON.parse(body).error]));
      });
    });
  const path = '/realtime/v1/websocket';
  assert.deepEqual(await attempt(path), [401, 'API key is missing']);
  assert.equal((await attempt(`${path}?apikey=sb_publishable_x`))[0], 401);
  assert.equal((await attempt(`${path}?apikey=${userToken(ALICE, -5)}`))[0], 401);
  assert.equal((await attempt(`${path}?apikey=${KEYS.publishable_key}&vsn=9`))[0], 400);
  const elsewhere = { origin: 'https://evil.example' };
  assert.equal((await attempt(`${path}?apikey=${KEYS.publishable_key}`, elsewhere))[0], 403);
  assert.equal((await attempt('/elsewhere'))[0], 404);
});

test('nothing is left of clients that went', async () => {
  const before = gateway.realtime.stats();
  const client = await WireClient.open(gateway);
  await client.join('gone', { presence: { enabled: true } });
  await client.join(room('gone'), PRIVATE, userToken(ALICE));
  assert.equal(gateway.realtime.stats().channels, before.channels + 2);
  await client.close();
  // The server sees the end of the connection after the client does, at the latest before it answers another.
  while (gateway.realtime.stats().sockets > before.sockets) {
    await (await WireClient.open(gateway)).close();
  }
  const { sockets, channels, topics } = gateway.realtime.stats();
  assert.deepEqual([sockets, channels, topics], [before.sockets, before.channels, before.topics]);
});
