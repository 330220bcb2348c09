// One suite for every implementation: the stack's own Database, a gateway connection on PGlite and one on postgres.js.
// The last two need what they stand on: PGlite always, a server when COGO_TEST_DB names one.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { memoryPglite } from '../database/pglite.ts';
import { pgliteDatabase } from '../database/database.ts';
import { applyShims, readShims } from '../database/shims.ts';
import { openTestDatabase } from '../testing.ts';
import { type RealtimeDb, realtimeDb } from './db.ts';
import type { Identity } from './identity.ts';
import { openPostgresDriver } from './testing.ts';

interface Place {
  db: RealtimeDb;
  exec(sql: string): Promise<void>;
  close(): Promise<void>;
}

const PLACES: Record<string, { open: () => Promise<Place>; skip?: string }> = {
  'the stack database': {
    open: async () => {
      const { db, close } = await openTestDatabase({ migrations: false });
      return { db: realtimeDb(db), exec: db.exec, close };
    },
  },
  'a connection on PGlite': {
    open: async () => {
      const driver = await memoryPglite();
      const database = pgliteDatabase(driver);
      await applyShims(database, readShims());
      return { db: realtimeDb({ driver }), exec: database.exec, close: () => driver.close() };
    },
  },
  'a connection on postgres.js': {
    ...(process.env['COGO_TEST_DB'] ? {} : { skip: 'COGO_TEST_DB names no server' }),
    open: async () => {
      const { driver, exec, close } = await openPostgresDriver();
      return { db: realtimeDb({ driver }), exec, close };
    },
  },
};

const POLICIES = `
create policy read_broadcast on realtime.messages for select to anon, authenticated using (
  (select realtime.topic()) = 'both:' || coalesce(auth.uid()::text, 'nobody') or
  (select realtime.topic()) = 'header:' || coalesce(current_setting('request.headers', true)::jsonb ->> 'x-pass', '') or
  ((select realtime.topic()) = 'no presence' and extension = 'broadcast'));
create policy write on realtime.messages for insert to authenticated with check (
  (select realtime.topic()) = 'both:' || auth.uid() or ((select realtime.topic()) = 'no presence' and extension = 'broadcast'));
`;

const SUB = '00000000-0000-4000-8000-000000000001';
const user: Identity = {
  role: 'authenticated',
  claims: { role: 'authenticated', sub: SUB },
  expiresAt: null,
};
const anon: Identity = { role: 'anon', claims: { role: 'anon' }, expiresAt: null };
const service: Identity = { role: 'service_role', claims: { role: 'service_role' }, expiresAt: null };
const extensions = ['broadcast', 'presence'] as const;

for (const [name, { open, skip }] of Object.entries(PLACES)) {
  describe(name, { skip: skip ?? false }, () => {
    let place: Place;
    before(async () => {
      place = await open();
      await place.exec(POLICIES);
    });
    after(() => place.close());

    const ask = (topic: string, action: 'read' | 'write', identity: Identity, headers = {}) =>
      place.db.checkTopic({ topic, action, extensions, identity, headers });

    test('a policy grants and refuses by user', async () => {
      assert.deepEqual(await ask(`both:${SUB}`, 'read', user), { broadcast: true, presence: true });
      assert.deepEqual(await ask(`both:${SUB}`, 'write', user), { broadcast: true, presence: true });
      assert.deepEqual(await ask('both:other', 'read', user), { broadcast: false, presence: false });
      assert.deepEqual(await ask('both:other', 'write', user), { broadcast: false, presence: false });
      assert.deepEqual(await ask(`both:${SUB}`, 'read', anon), { broadcast: false, presence: false });
    });

    test('a policy may tell broadcast from presence', async () => {
      assert.deepEqual(await ask('no presence', 'read', user), { broadcast: true, presence: false });
      assert.deepEqual(await ask('no presence', 'write', user), { broadcast: true, presence: false });
    });

    test('without a policy for its role nobody writes', async () => {
      assert.deepEqual(await ask('no presence', 'write', anon), { broadcast: false, presence: false });
    });

    test('policies see the headers of the connection', async () => {
      assert.deepEqual(await ask('header:yes', 'read', anon, { 'x-pass': 'yes' }), {
        broadcast: true,
        presence: true,
      });
      assert.deepEqual(await ask('header:yes', 'read', anon), { broadcast: false, presence: false });
    });

    test('the service passes every policy', async () => {
      assert.deepEqual(await ask('anything', 'read', service), { broadcast: true, presence: true });
      assert.deepEqual(await ask('anything', 'write', service), { broadcast: true, presence: true });
    });

    test('topics and claims are data, whatever they contain', async () => {
      const topic = `both:'"; drop table realtime.messages; -- \\ 방`;
      assert.deepEqual(await ask(topic, 'read', user), { broadcast: false, presence: false });
    });

    test('asking leaves no row, no role, no setting and no notification behind', async () => {
      const heard: string[] = [];
      const stop = await place.db.listen(
        'cogo_realtime',
        (payload) => heard.push(payload),
        () => {},
      );
      await ask(`both:${SUB}`, 'read', user);
      await ask(`both:${SUB}`, 'write', user);
      const [left] = await place.db.query<{ rows: number; same: boolean; claims: string | null }>(
        `select (select count(*)::int from realtime.messages) as rows, current_user = session_user as same,
                nullif(current_setting('request.jwt.claims', true), '') as claims`,
      );
      assert.deepEqual(left, { rows: 0, same: true, claims: null });
      // Anything of before would have come first.
      const marked = new Promise<void>((resolve) => {
        void place.db
          .listen(
            'cogo_mark',
            () => resolve(),
            () => {},
          )
          .then(() => place.db.query(`select pg_notify('cogo_mark', '')`));
      });
      await marked;
      assert.deepEqual(heard, []);
      await stop();
    });

    test('a policy that fails denies', async () => {
      await place.exec(
        `create policy fails on realtime.messages for select to authenticated using (1 / (case when (select realtime.topic()) = 'fails' then 0 else 1 end) = 2)`,
      );
      assert.deepEqual(await ask('fails', 'read', user), { broadcast: false, presence: false });
    });

    test('a database that is gone is an error, not a refusal', async () => {
      const gone = await memoryPglite();
      await gone.close();
      const asked = realtimeDb({ driver: gone }).checkTopic({
        topic: 't',
        action: 'read',
        extensions,
        identity: user,
        headers: {},
      });
      await assert.rejects(asked);
    });

    test('hears notifications of other transactions in order until it stops', async () => {
      const heard: string[] = [];
      let enough = () => {};
      const three = new Promise<void>((resolve) => {
        enough = resolve;
      });
      const stop = await place.db.listen(
        'cogo_heard',
        (payload) => {
          heard.push(payload);
          if (heard.length === 3) enough();
        },
        () => {},
      );
      for (const n of ['1', '2', '3']) await place.db.query(`select pg_notify('cogo_heard', $1::text)`, [n]);
      await three;
      await stop();
      await place.db.query(`select pg_notify('cogo_heard', '4')`);
      assert.deepEqual(heard, ['1', '2', '3']);
    });
  });
}
