// The unmodified supabase-js against the gateway; `ws` is its transport where Node has no WebSocket of its own.
import assert from 'node:assert/strict';
import { after, before, beforeEach, afterEach, describe, test } from 'node:test';
import { createClient, type RealtimeChannel, type SupabaseClient } from '@supabase/supabase-js';
import { WebSocket } from 'ws';
import { ALICE, BOB, KEYS, openGateway, type TestGateway, userToken } from './testing.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await openGateway();
});
after(() => gateway.close());

/** A push that nobody acknowledges keeps the process alive this long. */
const TIMEOUT = 3000;

type Heard = { event: string; payload: Record<string, unknown>; meta?: { id: string; replayed?: boolean } };

/** `take(n)` resolves with the first n broadcasts. */
function collect(channel: RealtimeChannel, event = '*') {
  const heard: Heard[] = [];
  const waiting: (() => void)[] = [];
  channel.on('broadcast', { event }, (message) => {
    heard.push(message as never);
    for (const check of waiting) check();
  });
  const take = (n: number) =>
    new Promise<Heard[]>((resolve) => {
      const check = () => {
        if (heard.length >= n) resolve(heard.slice(0, n));
      };
      waiting.push(check);
      check();
    });
  return { heard, take };
}

/** `disconnect()` of the client leaves a timer of ten seconds behind; the socket's own does not. */
function hangUp(client: SupabaseClient): void {
  const { socketAdapter } = client.realtime as unknown as {
    socketAdapter: { getSocket(): { disconnect(done: () => void): void } };
  };
  socketAdapter.getSocket().disconnect(() => {});
}

/** Resolves at the first status that is not a step on the way. */
function subscribe(channel: RealtimeChannel): Promise<{ status: string; error: Error | undefined }> {
  return new Promise((resolve) => channel.subscribe((status, error) => resolve({ status, error })));
}

for (const vsn of ['1.0.0', '2.0.0']) {
  describe(`vsn ${vsn}`, () => {
    const clients: SupabaseClient[] = [];
    async function client(token?: string): Promise<SupabaseClient> {
      const made = createClient(gateway.url, KEYS.publishable_key, {
        auth: { persistSession: false, autoRefreshToken: false },
        realtime: { transport: WebSocket as never, vsn, timeout: TIMEOUT },
        ...(token ? { accessToken: async () => token } : {}),
      });
      clients.push(made);
      // As the guide says: the token has to be there before a private topic is joined.
      if (token) await made.realtime.setAuth();
      return made;
    }
    beforeEach(() => {
      clients.length = 0;
    });
    afterEach(() => clients.forEach(hangUp));

    test('broadcasts between clients, acknowledged, and to oneself when asked', async () => {
      const config = { broadcast: { ack: true, self: true } };
      const sender = (await client()).channel(`js-${vsn}`, { config });
      const listener = (await client()).channel(`js-${vsn}`);
      const [own, other] = [collect(sender), collect(listener, 'shout')];
      for (const channel of [sender, listener]) assert.equal((await subscribe(channel)).status, 'SUBSCRIBED');
      assert.equal(await sender.send({ type: 'broadcast', event: 'shout', payload: { n: '방' } }), 'ok');
      assert.deepEqual((await own.take(1))[0]?.payload, { n: '방' });
      assert.deepEqual((await other.take(1))[0]?.payload, { n: '방' });
    });

    test('a private topic with the user token, and the reason without it', async () => {
      const topic = `owner:${ALICE}:js`;
      const config = { private: true };
      const channel = (await client(userToken(ALICE))).channel(topic, { config });
      const { take } = collect(channel);
      assert.equal((await subscribe(channel)).status, 'SUBSCRIBED');
      await gateway.send(topic, 'from.sql', { n: 1 });
      const [heard] = await take(1);
      assert.deepEqual([heard?.event, heard?.payload['n']], ['from.sql', 1]);

      const { status, error } = await subscribe((await client(userToken(BOB))).channel(topic, { config }));
      assert.equal(status, 'CHANNEL_ERROR');
      assert.match(error?.message ?? '', /^Unauthorized/);
    });

    test('presence comes and goes', async () => {
      const people = [await client(), await client()].map((one, index) =>
        one.channel(`people-${vsn}`, { config: { presence: { key: `p${index}` } } }),
      ) as [RealtimeChannel, RealtimeChannel];
      const [first, second] = people;
      const seen: string[][] = [];
      const until = (size: number) =>
        new Promise<void>((resolve) => {
          first.on('presence', { event: 'sync' }, () => {
            seen.push(Object.keys(first.presenceState()).sort());
            if (seen.at(-1)?.length === size) resolve();
          });
        });
      const both = until(2);
      second.on('presence', { event: 'sync' }, () => {});
      const left = new Promise<string>((resolve) => {
        first.on('presence', { event: 'leave' }, ({ key }) => resolve(key));
      });
      for (const channel of people) {
        assert.equal((await subscribe(channel)).status, 'SUBSCRIBED');
        assert.equal(await channel.track({ at: 1 }), 'ok');
      }
      await both;
      assert.deepEqual(seen.at(-1), ['p0', 'p1']);
      hangUp(clients[1]!);
      assert.equal(await left, 'p1');
      assert.deepEqual(Object.keys(first.presenceState()), ['p0']);
    });

    test('a replay brings what was missed', async () => {
      const topic = `owner:${ALICE}:replay-${vsn}`;
      for (let n = 1; n <= 3; n += 1) await gateway.send(topic, 'e', { n });
      const channel = (await client(userToken(ALICE))).channel(topic, {
        config: { private: true, broadcast: { replay: { since: Date.now() - 60_000, limit: 2 } } },
      });
      const { take } = collect(channel);
      assert.equal((await subscribe(channel)).status, 'SUBSCRIBED');
      const heard = await take(2);
      assert.deepEqual(
        heard.map(({ payload, meta }) => [payload['n'], meta?.replayed]),
        [
          [2, true],
          [3, true],
        ],
      );
    });

    test('httpSend and a send before joining go over HTTP', async () => {
      const listener = (await client()).channel(`http-${vsn}`);
      const { take } = collect(listener);
      await subscribe(listener);
      const sender = (await client()).channel(`http-${vsn}`);
      assert.deepEqual(await sender.httpSend('e', { n: 1 }), { success: true });
      assert.equal(await sender.send({ type: 'broadcast', event: 'e', payload: { n: 2 } }), 'ok');
      assert.deepEqual(
        (await take(2)).map(({ payload }) => payload),
        [{ n: 1 }, { n: 2 }],
      );
      const secret = (await client()).channel(`owner:${ALICE}`, { config: { private: true } });
      await assert.rejects(secret.httpSend('e', { n: 1 }), /Unauthorized/);
    });

    test('unsubscribing ends it on both sides', async () => {
      const one = await client();
      const channel = one.channel(`bye-${vsn}`);
      await subscribe(channel);
      const { topics } = gateway.realtime.stats();
      assert.equal(await one.removeChannel(channel), 'ok');
      // The client does not wait for the server; its next join does.
      await subscribe(one.channel(`next-${vsn}`));
      assert.equal(gateway.realtime.stats().topics, topics);
    });
  });
}

test('bytes travel as bytes', async () => {
  const clients = [0, 1].map(() =>
    createClient(gateway.url, KEYS.publishable_key, {
      realtime: { transport: WebSocket as never, timeout: TIMEOUT },
    }),
  ) as [SupabaseClient, SupabaseClient];
  const [sender, listener] = clients.map((one) => one.channel('bytes')) as [RealtimeChannel, RealtimeChannel];
  const { take } = collect(listener);
  await subscribe(sender);
  await subscribe(listener);
  const payload = Uint8Array.of(0, 1, 254, 255).buffer;
  await sender.send({ type: 'broadcast', event: 'e', payload: payload as never });
  const [heard] = await take(1);
  assert.deepEqual([...new Uint8Array(heard?.payload as never)], [0, 1, 254, 255]);
  clients.forEach(hangUp);
});
