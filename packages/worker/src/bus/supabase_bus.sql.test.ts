// Over the stack's Realtime, on PGlite or on the server of COGO_TEST_DB.
import { after, before } from 'node:test';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';
import { sqlWorld } from '../client/sql_world.ts';
import { openRealtime, REALTIME_KEYS as KEYS } from '../testing_realtime.ts';
import { realtimeBusConformance } from './conformance.ts';
import { supabaseBus } from './supabase_bus.ts';

let db: TestDatabase;
before(async () => {
  db = await openTestDatabase();
});
after(() => db.close());

realtimeBusConformance('realtime', async () => {
  const world = await sqlWorld(db);
  const made = await world.service.call<{ token: string }>('create_token', {
    project_id: world.project,
    kind: 'worker',
    name: 'bus',
    executor: 'cogo-work',
  });
  if (!made.ok) throw new Error(made.error.message);
  const { executorId } = world.link();
  const known = await world.worker.call('register_executor', { executor_id: executorId, info: {} });
  if (!known.ok) throw new Error(known.error.message);
  const { url, close } = await openRealtime(db);
  return {
    server: supabaseBus({ url, apikey: KEYS.secret_key, token: null }),
    worker: supabaseBus({ url, apikey: KEYS.publishable_key, token: made.value.token }),
    mine: executorId,
    close,
  };
});
