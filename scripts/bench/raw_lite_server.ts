// The peer of bench:stack: @supabase/lite as it comes, in a process of its own, with one trivial function in `public`.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { App } from '@supabase/lite';
import { createPgliteConnection } from '@supabase/lite/pglite';

const secret = process.env['BENCH_SECRET_KEY'] ?? '';
const connection = await createPgliteConnection({});
await connection.driver.exec(
  `create function public.whoami() returns jsonb language sql stable as $$ select jsonb_build_object('kind', 'service') $$`,
);
const app = new App({
  connection: connection as never,
  api: { schemas: ['public'] },
  auth: { enabled: true, jwt_secret: 'b'.repeat(40), publishable_key: `${secret}-p`, secret_key: secret },
  db: { migrations: { enabled: false } },
} as never);
await app.init();
await app.ensureSystemSchema();
const server = createServer(
  getRequestListener((request) => app.fetch(request), { overrideGlobalObjects: false }),
);
server.listen(0, '127.0.0.1', () =>
  console.log(JSON.stringify({ port: (server.address() as AddressInfo).port })),
);
process.stdin.on('end', () => process.exit(0)).resume();
