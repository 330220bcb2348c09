// Many clients, many messages, connections that break: everything once and in order.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ALICE, openGateway, type TestGateway, userToken, WireClient } from './testing.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await openGateway();
});
after(() => gateway.close());

const topic = (n: number) => `owner:${ALICE}:${n}`;

/** Sends `count` messages numbered from `from`, several a statement, and some in one transaction with another. */
async function send(name: string, from: number, count: number): Promise<void> {
  await gateway.database.sql(
    `select realtime.send(jsonb_build_object('n', n), 'e', $1::text) from generate_series($2::int, $3::int) as n`,
    [name, from, from + count - 1],
  );
}

test('200 subscribers get 2,000 messages of 10 topics, each once and in order', async () => {
  const TOPICS = 10;
  const EACH = 200;
  const token = userToken(ALICE);
  const clients = await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const client = await WireClient.open(gateway, { vsn: index % 2 === 0 ? '2.0.0' : '1.0.0' });
      const joined = await client.join(topic(index % TOPICS), { private: true }, token);
      assert.equal(joined.payload.status, 'ok');
      return client;
    }),
  );
  const done = clients.map((client) =>
    client.next(({ event, payload }) => event === 'broadcast' && payload.payload.n === EACH),
  );
  for (let from = 1; from <= EACH; from += 20) {
    await Promise.all(Array.from({ length: TOPICS }, (_, index) => send(topic(index), from, 20)));
  }
  await Promise.all(done);
  const expected = Array.from({ length: EACH }, (_, index) => index + 1);
  for (const [index, client] of clients.entries()) {
    const heard = client.all.filter(({ event }) => event === 'broadcast');
    assert.deepEqual(
      heard.map(({ payload }) => payload.payload.n),
      expected,
    );
    assert.ok(heard.every((message) => message.topic === `realtime:${topic(index % TOPICS)}`));
    assert.equal(new Set(heard.map(({ payload }) => payload.meta.id)).size, EACH);
  }
  assert.equal(gateway.realtime.stats().fromDatabase, TOPICS * EACH);
  await Promise.all(clients.map((client) => client.close()));
});

test('a client that is cut off and joins with a replay has everything, once by id and in order', async () => {
  const name = topic(100);
  const token = userToken(ALICE);
  const started = Date.now() - 1000;
  const numbers: number[] = [];
  const ids = new Set<string>();
  const read = (client: WireClient) => {
    for (const { event, payload } of client.all) {
      if (event !== 'broadcast' || ids.has(payload.meta.id)) continue;
      ids.add(payload.meta.id);
      numbers.push(payload.payload.n);
    }
  };
  let sent = 0;
  for (let round = 0; round < 12; round += 1) {
    const client = await WireClient.open(gateway);
    const sending = send(name, sent + 1, 8);
    const joined = await client.join(
      name,
      { private: true, broadcast: { replay: { since: started, limit: 25 } } },
      token,
    );
    assert.equal(joined.payload.status, 'ok');
    await sending;
    sent += 8;
    const last = sent;
    await client.next(({ event, payload }) => event === 'broadcast' && payload.payload.n === last);
    client.ws.terminate();
    await client.closed;
    const own = client.all.filter(({ event }) => event === 'broadcast').map(({ payload }) => payload.meta.id);
    assert.equal(new Set(own).size, own.length, 'a message came twice on one connection');
    read(client);
    // Sent while nobody listens; with the next round's still within a replay of 25.
    await send(name, sent + 1, 8);
    sent += 8;
  }
  const client = await WireClient.open(gateway);
  await client.join(name, { private: true, broadcast: { replay: { since: started, limit: 25 } } }, token);
  await client.next(({ event, payload }) => event === 'broadcast' && payload.payload.n === sent);
  read(client);
  await client.close();
  assert.deepEqual(
    numbers,
    Array.from({ length: sent }, (_, index) => index + 1),
  );
});

test('joins and leaves in the middle of a stream disturb nobody', async () => {
  const name = topic(200);
  const token = userToken(ALICE);
  const steady = await WireClient.open(gateway);
  await steady.join(name, { private: true }, token);
  const restless = await WireClient.open(gateway);
  const done = steady.next(({ event, payload }) => event === 'broadcast' && payload.payload.n === 300);
  const sending = (async () => {
    for (let from = 1; from <= 300; from += 10) await send(name, from, 10);
  })();
  for (let n = 0; n < 20; n += 1) {
    const joined = await restless.join(name, { private: true }, token);
    assert.equal(joined.payload.status, 'ok');
    if (n % 2 === 0) await restless.push(`realtime:${name}`, 'phx_leave', {}, joined.joinRef);
  }
  await sending;
  await done;
  const heard = steady.all
    .filter(({ event }) => event === 'broadcast')
    .map(({ payload }) => payload.payload.n);
  assert.deepEqual(
    heard,
    Array.from({ length: 300 }, (_, index) => index + 1),
  );
  await Promise.all([steady.close(), restless.close()]);
});

test('a message that a replay has brought is not brought again when its notification comes late', async (t) => {
  const held: (() => void)[] = [];
  let hold = true;
  const slow = await openGateway({
    wrap: (db) => ({
      ...db,
      listen: (channel, onNotify, onReconnect) =>
        db.listen(
          channel,
          (payload) => (hold ? held.push(() => onNotify(payload)) : onNotify(payload)),
          onReconnect,
        ),
    }),
  });
  t.after(() => slow.close());
  const client = await WireClient.open(slow);
  for (let n = 1; n <= 5; n += 1) await slow.send(topic(0), 'e', { n });
  const replay = { private: true, broadcast: { replay: { since: Date.now() - 60_000, limit: 2 } } };
  await client.join(topic(0), replay, userToken(ALICE));
  hold = false;
  for (const release of held) release();
  await slow.send(topic(0), 'e', { n: 6 });
  await client.next(({ event, payload }) => event === 'broadcast' && payload.payload.n === 6);
  const heard = client.all.filter(({ event }) => event === 'broadcast');
  assert.deepEqual(
    heard.map(({ payload }) => payload.payload.n),
    [4, 5, 6],
  );
  await client.close();
});
