// Over the stack's Realtime, on PGlite or on the server of COGO_TEST_DB.
import { createServer } from 'node:http';
import { after, before } from 'node:test';
import { getRequestListener } from '@hono/node-server';
import { realtimeDb } from '@cogo/stack/realtime/db.ts';
import { attachRealtime } from '@cogo/stack/realtime/gateway.ts';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';
import { sqlWorld } from '../client/sql_world.ts';
import { realtimeBusConformance } from './conformance.ts';
import { supabaseBus } from './supabase_bus.ts';

const KEYS = { publishable_key: 'sb_publishable_test', secret_key: 'sb_secret_test' };
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
  const server = createServer(
    getRequestListener(
      async (request) => (await realtime.handleHttp(request)) ?? new Response(null, { status: 404 }),
      { overrideGlobalObjects: false },
    ),
  );
  const realtime = attachRealtime(server, {
    db: realtimeDb(db.db),
    jwtSecret: 'a-secret-of-tests-only-and-long-enough',
    keys: KEYS,
  });
  await realtime.ready;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  return {
    server: supabaseBus({ url, apikey: KEYS.secret_key, token: null }),
    worker: supabaseBus({ url, apikey: KEYS.publishable_key, token: made.value.token }),
    mine: executorId,
    close: async () => {
      await realtime.close();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
});
