import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Hint, RealtimeBus } from './bus.ts';

export interface BusWorld {
  /** The server's, which may use every topic. */
  server: RealtimeBus;
  /** A worker's, which may use `agents:{mine}` only. */
  worker: RealtimeBus;
  mine: string;
  close(): Promise<void>;
}

/** The promises every RealtimeBus keeps: run it on each implementation. */
export function realtimeBusConformance(name: string, open: () => Promise<BusWorld>): void {
  const it = (what: string, body: (world: BusWorld) => Promise<void>) =>
    test(`${name}: ${what}`, async () => {
      const world = await open();
      try {
        await body(world);
      } finally {
        world.server.close();
        world.worker.close();
        await world.close();
      }
    });

  it('a hint reaches who subscribed to its topic, whole, and nobody else', async ({
    server,
    worker,
    mine,
  }) => {
    const own = listen(worker, `agents:${mine}`);
    const other = listen(server, 'agents:somebody-else');
    await Promise.all([own.joined, other.joined]);
    const payload = { lane: 'cogo-plan/default/1', 한글: '🙂', n: 1 };
    assert.ok((await server.publish({ topic: `agents:${mine}`, event: 'wake', payload })).ok);
    const heard = await own.next();
    assert.deepEqual([heard.topic, heard.event], [`agents:${mine}`, 'wake']);
    for (const [key, value] of Object.entries(payload)) assert.equal(heard.payload[key], value);
    assert.ok((await server.publish({ topic: 'agents:somebody-else', event: 'wake', payload: {} })).ok);
    assert.equal((await other.next()).topic, 'agents:somebody-else');
    assert.equal(other.count(), 1);
  });

  it('two who subscribed to one topic both hear', async ({ server, worker, mine }) => {
    const both = [listen(worker, `agents:${mine}`), listen(server, `agents:${mine}`)];
    await Promise.all(both.map(({ joined }) => joined));
    await server.publish({ topic: `agents:${mine}`, event: 'cancel', payload: {} });
    for (const one of both) assert.equal((await one.next()).event, 'cancel');
  });

  it('who ended a subscription hears no more', async ({ server, worker, mine }) => {
    const ended = listen(worker, `agents:${mine}`);
    const stays = listen(server, `agents:${mine}`);
    await Promise.all([ended.joined, stays.joined]);
    ended.end();
    await server.publish({ topic: `agents:${mine}`, event: 'wake', payload: {} });
    await stays.next();
    assert.equal(ended.count(), 0);
  });

  it('a topic of others is refused', async ({ worker }) => {
    const said = await worker.publish({
      topic: 'jobs:00000000-0000-4000-8000-000000000000',
      event: 'x',
      payload: {},
    });
    assert.equal(!said.ok && said.error.code, 'forbidden');
  });
}

function listen(bus: RealtimeBus, topic: string) {
  const hints: Hint[] = [];
  let count = 0;
  let notify = () => {};
  let joined = () => {};
  const join = new Promise<void>((resolve) => {
    joined = resolve;
  });
  const end = bus.subscribe(
    topic,
    (hint) => {
      count++;
      hints.push(hint);
      notify();
    },
    () => joined(),
  );
  return {
    joined: join,
    end,
    count: () => count,
    async next(): Promise<Hint> {
      while (hints.length === 0) {
        await new Promise<void>((resolve) => {
          notify = resolve;
        });
      }
      return hints.shift()!;
    },
  };
}
