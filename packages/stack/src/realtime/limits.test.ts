// Limits and time, each with a gateway of its own clock and bounds.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ALICE, openGateway, type TestGateway, userToken, WireClient } from './testing.ts';
import { bucket, type Limits } from './limits.ts';
import type { RealtimeOptions } from './gateway.ts';

async function withGateway(
  limits: Partial<Limits>,
  use: (gateway: TestGateway) => Promise<void>,
  options: Partial<RealtimeOptions> = {},
): Promise<void> {
  const gateway = await openGateway({ ...options, limits });
  try {
    await use(gateway);
  } finally {
    await gateway.close();
  }
}

const mine = `owner:${ALICE}`;
const broadcast = { type: 'broadcast', event: 'e', payload: {} };

test('a bucket holds one second and fills evenly', () => {
  const joins = bucket(10, 0);
  const take = (now: number, times: number) =>
    Array.from({ length: times }, () => joins.take(now)).filter(Boolean).length;
  assert.equal(take(0, 20), 10);
  assert.equal(take(500, 20), 5);
  assert.equal(take(60_000, 20), 10);
  // A clock that was set back grants nothing.
  assert.equal(take(0, 5), 0);
});

test('private channels close with their token, public ones stay, and a refreshed token keeps its channel', async () => {
  await withGateway({ idleMs: 1e9 }, async (gateway) => {
    const client = await WireClient.open(gateway);
    await client.join(`${mine}:ends`, { private: true }, userToken(ALICE, 60));
    await client.join(`${mine}:stays`, { private: true }, userToken(ALICE, 60));
    await client.join('public', {}, userToken(ALICE, 60));
    const fresh = { access_token: userToken(ALICE, 3600) };
    client.send(`realtime:${mine}:stays`, 'access_token', fresh, '2');
    // A broadcast of the same channel is handled after the token.
    client.send(`realtime:${mine}:stays`, 'broadcast', broadcast, '2');
    await client.push(`realtime:${mine}:stays`, 'dance', {}, '2');
    gateway.advance(61_000);
    const told = await client.event('system');
    assert.match(told.payload.message, /^Token has expired/);
    const closed = await client.event('phx_close');
    assert.equal(closed.topic, `realtime:${mine}:ends`);
    assert.equal(gateway.realtime.stats().channels, 2);
    const again = await client.join(`${mine}:ends`, { private: true }, userToken(ALICE, 60));
    assert.match(again.payload.response.reason, /expired/);
    await client.close();
  });
});

test('a socket that says nothing is closed, one that beats is not', async () => {
  await withGateway({ idleMs: 60_000 }, async (gateway) => {
    const [silent, beating] = await Promise.all([WireClient.open(gateway), WireClient.open(gateway)]);
    gateway.advance(40_000);
    await beating.push('phoenix', 'heartbeat', {});
    gateway.advance(40_000);
    assert.deepEqual(await silent.closed, { code: 1000, reason: 'No heartbeat' });
    assert.equal((await beating.push('phoenix', 'heartbeat', {})).payload.status, 'ok');
    await beating.close();
  });
});

test('channels of a socket, joins a second and sockets are bounded', async () => {
  await withGateway({ channelsPerSocket: 2, joinsPerSecond: 4, sockets: 1 }, async (gateway) => {
    const client = await WireClient.open(gateway);
    await client.join('a');
    await client.join('b');
    assert.match((await client.join('c')).payload.response.reason, /^ChannelRateLimitReached/);
    // Joining again what is joined is no further channel.
    assert.equal((await client.join('a')).payload.status, 'ok');
    assert.match((await client.join('a')).payload.response.reason, /^ClientJoinRateLimitReached/);
    await assert.rejects(WireClient.open(gateway), /429/);
    await client.close();
  });
});

test('too many messages a second close the channel with the reason', async () => {
  await withGateway({ messagesPerSecond: 5 }, async (gateway) => {
    const client = await WireClient.open(gateway);
    await client.join('flood');
    for (let n = 0; n < 50; n += 1) client.send('realtime:flood', 'broadcast', broadcast, '1');
    assert.equal((await client.event('system')).payload.message, 'Too many messages per second');
    await client.event('phx_close');
    await client.close();
  });
});

test('too many presence messages a second close the channel with the reason', async () => {
  await withGateway({ presencePerSecond: 3 }, async (gateway) => {
    const client = await WireClient.open(gateway);
    await client.join('flood');
    for (let n = 0; n < 50; n += 1) {
      client.send('realtime:flood', 'presence', { event: 'track', payload: { n } }, '1');
    }
    assert.equal((await client.event('system')).payload.message, 'Client presence rate limit exceeded');
    await client.event('phx_close');
    await client.close();
  });
});

test('a client that does not read is closed, and the others get everything', async () => {
  await withGateway({ bufferedBytes: 256 * 1024 }, async (gateway) => {
    const [slow, quick, sender] = await Promise.all([
      WireClient.open(gateway),
      WireClient.open(gateway),
      WireClient.open(gateway),
    ]);
    await Promise.all([
      slow.join('pour'),
      quick.join('pour'),
      sender.join('pour', { broadcast: { ack: true } }),
    ]);
    slow.ws.pause();
    const payload = { type: 'broadcast', event: 'e', payload: { x: 'x'.repeat(200_000) } };
    let sent = 0;
    while (gateway.realtime.stats().slowClosed === 0) {
      await sender.push('realtime:pour', 'broadcast', payload, '1');
      sent += 1;
      assert.ok(sent < 1000, 'the buffer is not bounded');
    }
    for (let n = 0; n < sent; n += 1) await quick.event('broadcast');
    slow.ws.resume();
    assert.deepEqual((await slow.closed).code, 1013);
    await Promise.all([quick.close(), sender.close()]);
  });
});

test('a client that does not even take its close is cut off', async () => {
  await withGateway({ bufferedBytes: 256 * 1024 }, async (gateway) => {
    const [slow, sender] = await Promise.all([WireClient.open(gateway), WireClient.open(gateway)]);
    await Promise.all([slow.join('pour'), sender.join('pour', { broadcast: { ack: true } })]);
    slow.ws.pause();
    const payload = { type: 'broadcast', event: 'e', payload: { x: 'x'.repeat(200_000) } };
    while (gateway.realtime.stats().slowClosed === 0)
      await sender.push('realtime:pour', 'broadcast', payload, '1');
    gateway.advance(6000);
    while (gateway.realtime.stats().sockets > 1) await sender.push('phoenix', 'heartbeat', {});
    slow.ws.terminate();
    await sender.close();
  });
});

test('stopping tells every client and takes no new ones', async () => {
  const gateway = await openGateway();
  const client = await WireClient.open(gateway);
  await client.join('t');
  const closing = gateway.close();
  assert.deepEqual(await client.closed, { code: 1001, reason: 'Realtime is stopping' });
  await closing;
});

test('a database that cannot be asked is named and the socket lives on', async () => {
  await withGateway({}, async (gateway) => {
    const client = await WireClient.open(gateway);
    await gateway.database.db.exec('alter table realtime.messages rename to elsewhere');
    const replay = { private: true, broadcast: { replay: { since: 0 } } };
    const answer = await client.join(`open:x`, replay);
    assert.equal(answer.payload.status, 'error');
    assert.equal((await client.push('phoenix', 'heartbeat', {})).payload.status, 'ok');
    await gateway.database.db.exec('alter table realtime.elsewhere rename to messages');
    assert.equal((await client.join('open:x', replay)).payload.status, 'ok');
    await client.close();
  });
});
