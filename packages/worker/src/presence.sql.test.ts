// What agents:{executor_id} says of a worker, heard over the stack's Realtime.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';
import { supabaseBus } from './bus/supabase_bus.ts';
import { sqlWorld } from './client/sql_world.ts';
import { monotonicClock } from './clock.ts';
import { runLoops } from './loop/worker.ts';
import { DEFAULT_POLICY } from './policy.ts';
import { openRealtime, REALTIME_KEYS } from './testing_realtime.ts';

interface Presence {
  state: string;
  running: number;
  slots: number;
  draining: boolean;
  last_seen: string;
}

const INFO = {
  kind: 'cogo-work' as const,
  version: '0.1.0',
  slots: 2,
  types: null,
  sandbox: 'none',
  host: 'h',
  platform: 'p',
  instance: 'i',
  beatS: 4,
};

let db: TestDatabase;
let realtime: { url: string; close: () => Promise<void> };
before(async () => {
  db = await openTestDatabase();
  realtime = await openRealtime(db);
});
after(async () => {
  await realtime.close();
  await db.close();
});

/** Joined to the topic; `next` waits for the next presence. */
async function listen(executorId: string) {
  const bus = supabaseBus({ url: realtime.url, apikey: REALTIME_KEYS.secret_key, token: null });
  const heard: Presence[] = [];
  let wake = () => {};
  await new Promise<void>((joined) => {
    bus.subscribe(
      `agents:${executorId}`,
      ({ event, payload }) => {
        if (event !== 'presence') return;
        heard.push(payload as unknown as Presence);
        wake();
      },
      joined,
    );
  });
  const next = async (): Promise<Presence> => {
    while (heard.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return heard.shift()!;
  };
  return { next, heard, close: () => bus.close() };
}

test('a worker says that it came, that it works, that it goes and that it is gone', async (t) => {
  const world = await sqlWorld(db);
  const link = world.link();
  const ears = await listen(link.executorId);
  t.after(ears.close);
  const stop = new AbortController();
  const ended = runLoops({
    link,
    info: INFO,
    slots: 2,
    // the shortest there is: it beats every 1.6 s
    leaseS: 5,
    includeTypes: null,
    policy: () => DEFAULT_POLICY,
    executor: () => ({
      type: 'code.build.test',
      run: (_job, { signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve({ kind: 'finished', result: null }));
        }),
    }),
    signal: stop.signal,
    log: () => {},
    clock: monotonicClock,
    random: Math.random,
    once: false,
    wake: null,
  });
  const came = await ears.next();
  assert.deepEqual([came.state, came.running, came.slots, came.draining], ['idle', 0, 2, false]);
  const jobId = await world.enqueue();
  const works = await ears.next();
  assert.deepEqual([works.state, works.running], ['working', 1]);
  stop.abort();
  const goes = await ears.next();
  assert.deepEqual([goes.state, goes.draining], ['draining', true]);
  const gone = await ears.next();
  assert.deepEqual([gone.state, gone.running], ['stopped', 0]);
  assert.ok(Date.parse(gone.last_seen) >= Date.parse(came.last_seen));
  assert.ok((await ended).ok);
  assert.equal((await world.state(jobId)).state, 'queued');
  assert.deepEqual(ears.heard, [], 'a beat that changes nothing is no news');
});

test('a worker that misses its beats is told of as dead, and as there again when it comes back', async (t) => {
  const world = await sqlWorld(db);
  const link = world.link();
  assert.ok((await link.register(INFO)).ok);
  const ears = await listen(link.executorId);
  t.after(ears.close);
  await db.sql(
    `update cogo.executors set last_seen = clock_timestamp() - interval '13 seconds' where id = $1`,
    [link.executorId],
  );
  assert.ok((await world.service.call('sweep')).ok);
  assert.equal((await ears.next()).state, 'dead');
  assert.ok((await link.beat([], { running: 0 })).ok);
  assert.equal((await ears.next()).state, 'idle');
});

test('a worker that left in good order is not found dead afterwards', async () => {
  const world = await sqlWorld(db);
  const link = world.link();
  assert.ok((await link.register(INFO)).ok);
  assert.ok((await link.register({ ...INFO, draining: true, stopped: true })).ok);
  await db.sql(`update cogo.executors set last_seen = clock_timestamp() - interval '1 hour' where id = $1`, [
    link.executorId,
  ]);
  assert.ok((await world.service.call('sweep')).ok);
  const listed = await world.service.call<{ executor_id: string; state: string; alive: boolean }[]>(
    'list_executors',
    { project_id: world.project },
  );
  assert.ok(listed.ok);
  const mine = listed.value.find(({ executor_id }) => executor_id === link.executorId)!;
  assert.deepEqual([mine.state, mine.alive], ['stopped', false]);
});
