import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { realtimeDb } from '@cogo/stack/realtime/db.ts';
import { attachRealtime } from '@cogo/stack/realtime/gateway.ts';
import type { TestDatabase } from '@cogo/stack/testing.ts';

export const REALTIME_KEYS = { publishable_key: 'sb_publishable_test', secret_key: 'sb_secret_test' };

/** The stack's Realtime on a test database, with its HTTP broadcast; `close` ends its connections. */
export async function openRealtime(db: TestDatabase): Promise<{ url: string; close: () => Promise<void> }> {
  const server = createServer(
    getRequestListener(
      async (request) => (await realtime.handleHttp(request)) ?? new Response(null, { status: 404 }),
      { overrideGlobalObjects: false },
    ),
  );
  const realtime = attachRealtime(server, {
    db: realtimeDb(db.db),
    jwtSecret: 'a-secret-of-tests-only-and-long-enough',
    keys: REALTIME_KEYS,
  });
  await realtime.ready;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    close: async () => {
      await realtime.close();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
