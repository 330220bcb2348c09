import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { openTestDatabase, type TestDatabase } from '../testing.ts';
import { type RealtimeDb, realtimeDb } from './db.ts';
import { Ears } from './ears.ts';
import { DatabaseFeed, type FeedMessage, type Replay } from './feed.ts';
import { openPostgresDriver } from './testing.ts';

let database: TestDatabase;
before(async () => {
  database = await openTestDatabase({ migrations: false });
});
beforeEach(() => database.sql('delete from realtime.messages'));
after(() => database.close());

const send = (topic: string, n: number) =>
  database.sql(`select realtime.send(jsonb_build_object('n', $2::int), 'e', $1::text)`, [topic, n]);

/** `count(n)` resolves when n messages have come. */
async function openFeed(db: RealtimeDb = realtimeDb(database.db), payloadBytes = 1000) {
  const messages: FeedMessage[] = [];
  const logged: string[] = [];
  let tell = () => {};
  const firstLog = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const waiting: { n: number; resolve: () => void }[] = [];
  const feed = new DatabaseFeed({
    db,
    payloadBytes,
    log: (_, message) => {
      logged.push(message);
      tell();
    },
    onMessage: (message) => {
      messages.push(message);
      for (const { n, resolve } of waiting) if (messages.length >= n) resolve();
    },
  });
  await feed.start();
  const count = (n: number) =>
    messages.length >= n ? Promise.resolve() : new Promise<void>((resolve) => waiting.push({ n, resolve }));
  const replay = (topic: string, since: number, limit: number) =>
    new Promise<Replay>((resolve, reject) => feed.replay(topic, since, limit, resolve).catch(reject));
  return { feed, messages, logged, firstLog, count, replay };
}

const numbers = (messages: readonly FeedMessage[]) =>
  messages.map(({ broadcast }) => ('payload' in broadcast ? JSON.parse(broadcast.payload).payload.n : null));

test('hands on what is sent after its start, in order, once', async () => {
  await send('before', 0);
  const { feed, messages, count } = await openFeed();
  for (let n = 1; n <= 500; n += 1) await send(`t${n % 3}`, n);
  await count(500);
  await feed.catchUp();
  assert.deepEqual(
    numbers(messages),
    Array.from({ length: 500 }, (_, index) => index + 1),
  );
  assert.deepEqual([messages[0]?.topic, messages[0]?.isPrivate], ['t1', true]);
  await feed.close();
});

test('several messages of one statement are one notification, in order, and are kept for who joins late', async () => {
  const notified: string[] = [];
  const db = realtimeDb(database.db);
  const { feed, messages, count, replay } = await openFeed({
    ...db,
    listen: (channel, onNotify, onReconnect) =>
      db.listen(
        channel,
        (payload) => {
          notified.push(payload);
          onNotify(payload);
        },
        onReconnect,
      ),
  });
  const many = Array.from({ length: 5 }, (_, n) => ({ topic: 'trace:t', event: 'e', payload: { id: n, n } }));
  await database.sql('select realtime.cogo_send_all($1::text::jsonb)', [JSON.stringify(many)]);
  await count(5);
  assert.deepEqual(numbers(messages), [0, 1, 2, 3, 4]);
  assert.equal(notified.length, 1);
  const { messages: late } = await replay('trace:t', 0, 10);
  assert.deepEqual(numbers(late), [0, 1, 2, 3, 4]);
  await feed.close();
});

test('a hint reaches who listens, whole, and is not kept; one that is too long for a notification comes as a row', async () => {
  const { feed, messages, count } = await openFeed(realtimeDb(database.db), 20_000);
  const hint = (topic: string, payload: object) =>
    database.sql(`select realtime.cogo_hint($1::text::jsonb, 'wake', $2::text)`, [
      JSON.stringify(payload),
      topic,
    ]);
  await hint('agents:nobody', { n: 0 });
  const ears = new Ears(realtimeDb(database.db));
  await ears.open('agents:a');
  await hint('agents:a', { n: 1, text: '가"\n' });
  await hint('agents:nobody', { n: 2 });
  await hint('agents:a', { n: 3, fill: 'x'.repeat(9000) });
  await count(2);
  assert.deepEqual(numbers(messages), [1, 3]);
  const [first] = messages;
  assert.ok(first && 'payload' in first.broadcast);
  const { event, payload } = JSON.parse(first.broadcast.payload) as {
    event: string;
    payload: Record<string, unknown>;
  };
  assert.deepEqual([first.topic, first.isPrivate, event], ['agents:a', true, 'wake']);
  assert.deepEqual(payload, { n: 1, text: '가"\n', id: first.id });
  assert.equal((await database.sql('select from realtime.messages')).length, 1);
  await feed.close();
});

test('a rolled back message is never handed on', async () => {
  const { feed, messages, count } = await openFeed();
  await assert.rejects(
    database.db.transaction(async (tx) => {
      await tx.query(`select realtime.send('{"n":1}', 'e', 't')`);
      throw new Error('undone');
    }),
  );
  await send('t', 2);
  await count(1);
  assert.deepEqual(numbers(messages), [2]);
  await feed.close();
});

test('finds messages whose notification was lost, and repeats none', async () => {
  const db = realtimeDb(database.db);
  let deaf = false;
  const { feed, messages, count } = await openFeed({
    ...db,
    listen: (channel, onNotify, onReconnect) =>
      db.listen(channel, (payload) => (deaf ? undefined : onNotify(payload)), onReconnect),
  });
  await send('t', 1);
  await count(1);
  deaf = true;
  await send('t', 2);
  await send('t', 3);
  await feed.catchUp();
  deaf = false;
  await send('t', 4);
  await count(4);
  await feed.catchUp();
  assert.deepEqual(numbers(messages), [1, 2, 3, 4]);
  await feed.close();
});

test('a failed read loses nothing: the next one brings it', async () => {
  const db = realtimeDb(database.db);
  let broken = false;
  const { feed, messages, logged, firstLog } = await openFeed({
    ...db,
    query: (text, params) => (broken ? Promise.reject(new Error('broken')) : db.query(text, params)),
  });
  broken = true;
  await send('t', 1);
  await firstLog;
  assert.deepEqual(messages, []);
  broken = false;
  await feed.catchUp();
  assert.deepEqual(numbers(messages), [1]);
  assert.match(logged[0] ?? '', /stay waiting/);
  await feed.close();
});

test('a replay brings the newest of its topic, oldest first, marked', async () => {
  const { feed, replay } = await openFeed();
  for (let n = 1; n <= 5; n += 1) await send('t', n);
  await send('other', 6);
  const { messages, covered } = await replay('t', 0, 3);
  assert.deepEqual(numbers(messages), [3, 4, 5]);
  assert.equal(covered.size, 5);
  const [first] = messages;
  assert.deepEqual(first && 'payload' in first.broadcast && JSON.parse(first.broadcast.payload).meta, {
    replayed: true,
    id: first?.id,
  });
  await feed.close();
});

test('a replay brings nothing from before its time', async () => {
  const { feed, replay } = await openFeed();
  await send('t', 1);
  await database.sql(`update realtime.messages set inserted_at = inserted_at - interval '1 hour'`);
  await send('t', 2);
  const { messages } = await replay('t', Date.now() - 60_000, 25);
  assert.deepEqual(numbers(messages), [2]);
  await feed.close();
});

test('public messages are not replayed', async () => {
  const { feed, replay } = await openFeed();
  await database.sql(`select realtime.send('{"n":1}', 'e', 't', false)`);
  assert.deepEqual((await replay('t', 0, 25)).messages, []);
  await feed.close();
});

test('every message is either covered by a replay or handed on after it', async () => {
  const { feed, messages, count } = await openFeed();
  const sends: Promise<unknown>[] = [];
  const replays: { replay: Replay; at: number }[] = [];
  const done: Promise<void>[] = [];
  for (let n = 1; n <= 120; n += 1) {
    sends.push(send('t', n));
    if (n % 20 === 0) {
      done.push(
        feed.replay('t', 0, 25, (replay) => {
          replays.push({ replay, at: messages.length });
        }),
      );
    }
  }
  await Promise.all([...sends, ...done]);
  await count(120);
  assert.equal(replays.length, 6);
  const all = messages.map((message) => message.id);
  for (const { replay, at } of replays) {
    const later = all.slice(at).filter((id) => !replay.covered.has(id));
    assert.deepEqual(new Set([...replay.covered, ...later]), new Set(all));
    assert.equal(replay.covered.size + later.length, 120);
  }
  await feed.close();
});

test('a transaction that commits late is neither lost nor taken for covered', {
  skip: process.env['COGO_TEST_DB'] ? false : 'PGlite has one session; COGO_TEST_DB names no server',
}, async () => {
  const { feed, messages, count, replay } = await openFeed();
  let commit = () => {};
  const held = new Promise<void>((resolve) => {
    commit = resolve;
  });
  let written = () => {};
  const inserted = new Promise<void>((resolve) => {
    written = resolve;
  });
  const late = database.db.transaction(async (tx) => {
    await tx.query(`select realtime.send('{"n":1}', 'e', 't')`);
    written();
    await held;
  });
  await inserted;
  await send('t', 2);
  await count(1);
  const { messages: replayed, covered } = await replay('t', 0, 25);
  assert.deepEqual(numbers(replayed), [2]);
  commit();
  await late;
  await count(2);
  assert.deepEqual(numbers(messages), [2, 1]);
  assert.ok(!covered.has(messages[1]!.id));
  await feed.close();
});

test('a listening connection that breaks loses nothing', {
  skip: process.env['COGO_TEST_DB']
    ? false
    : 'PGlite has no connection to break; COGO_TEST_DB names no server',
}, async () => {
  const { driver, close } = await openPostgresDriver();
  const { feed, messages, count } = await openFeed(realtimeDb({ driver }));
  const sendHere = (n: number) =>
    driver.unsafe(`select realtime.send(jsonb_build_object('n', ${n}::int), 'e', 't')`);
  await sendHere(1);
  await count(1);
  for (let n = 2; n <= 6; n += 2) {
    const [broken] = await driver<{ broken: number }[]>`
        select count(pg_terminate_backend(pid))::int as broken from pg_stat_activity
        where datname = current_database() and query ilike 'listen%'`;
    assert.equal(broken?.broken, 1);
    await sendHere(n);
    await sendHere(n + 1);
    // Nobody asks: the new connection does.
    await count(n + 1);
  }
  assert.deepEqual(numbers(messages), [1, 2, 3, 4, 5, 6, 7]);
  await feed.close();
  await close();
});

test('a message over the limit is named and left out', async () => {
  const { feed, messages, logged, count, replay } = await openFeed(undefined, 200);
  await database.sql(`select realtime.send(jsonb_build_object('n', 1, 'x', repeat('x', 300)), 'e', 't')`);
  await send('t', 2);
  await count(1);
  assert.deepEqual(numbers(messages), [2]);
  assert.match(logged[0] ?? '', /size limit/);
  assert.deepEqual(numbers((await replay('t', 0, 25)).messages), [2]);
  await feed.close();
});

test('bytes come as bytes', async () => {
  const { feed, messages, count } = await openFeed();
  await database.sql(`select realtime.send_binary('\\x00ff10'::bytea, 'e', 't')`);
  await count(1);
  const broadcast = messages[0]!.broadcast;
  assert.ok('binary' in broadcast);
  assert.deepEqual([...broadcast.binary], [0, 255, 16]);
  await feed.close();
});

test('what is older than three days goes, a bounded number at a time', async () => {
  const { feed } = await openFeed();
  for (let n = 1; n <= 4; n += 1) await send('t', n);
  await database.sql(
    `update realtime.messages set inserted_at = inserted_at - interval '73 hours' where (payload ->> 'n')::int <= 3`,
  );
  const [first] = await database.sql<{ gone: number }>(`select realtime.cogo_prune(most => 2) as gone`);
  assert.equal(first?.gone, 2);
  await feed.prune();
  const left = await database.sql<{ n: number }>(`select (payload ->> 'n')::int as n from realtime.messages`);
  assert.deepEqual(left, [{ n: 4 }]);
  await feed.close();
});

test('a payload gets the id of its message unless it has one, and a send that fails spoils nothing', async () => {
  await database.db.transaction(async (tx) => {
    await tx.query(`select realtime.send('{"n":1}', 'e', 't')`);
    await tx.query(`select realtime.send('{"id":"mine"}', 'e', 't')`);
    await tx.query(`select realtime.send('{"n":3}', 'e', null)`);
  });
  const rows = await database.sql<{ id: string; given: string }>(
    `select id::text as id, payload ->> 'id' as given from realtime.messages order by seq`,
  );
  assert.equal(rows.length, 2);
  assert.equal(rows[0]?.given, rows[0]?.id);
  assert.equal(rows[1]?.given, 'mine');
});

test('broadcast_changes sends a row before and after from a trigger', async () => {
  const { feed, messages, count } = await openFeed();
  await database.db.exec(`
    create table public.things (id int primary key, name text);
    create function public.tell() returns trigger language plpgsql as $$
    begin
      perform realtime.broadcast_changes('things', tg_op, tg_op, tg_table_name, tg_table_schema, new, old);
      return null;
    end $$;
    create trigger tell after insert or update on public.things for each row execute function public.tell();
    insert into public.things values (1, 'a');
    update public.things set name = 'b';`);
  await count(2);
  const payload = 'payload' in messages[1]!.broadcast && JSON.parse(messages[1]!.broadcast.payload);
  assert.equal(payload.event, 'UPDATE');
  const { id: _, ...change } = payload.payload;
  assert.deepEqual(change, {
    old_record: { id: 1, name: 'a' },
    record: { id: 1, name: 'b' },
    operation: 'UPDATE',
    table: 'things',
    schema: 'public',
  });
  await feed.close();
});

test('applying the shim again changes nothing', async () => {
  const { readShims } = await import('../database/shims.ts');
  const shim = readShims().find(({ file }) => file.endsWith('realtime.sql'))!;
  await send('t', 1);
  await database.db.exec(shim.sql);
  const { feed, messages, count } = await openFeed();
  await send('t', 2);
  await count(1);
  assert.deepEqual(numbers(messages), [2]);
  await feed.close();
});
