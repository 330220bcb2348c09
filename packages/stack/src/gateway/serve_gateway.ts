import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Keys, Ports } from '@cogo/client/stack_file.ts';
import { COGO_VERSION as VERSION } from '@cogo/spec/version.ts';
import type { OpenedDatabase } from '../place/open_database.ts';
import { sessionSettings } from '../place/open_database.ts';
import { atMost } from '../place/at_most.ts';
import { listen } from '../place/ports.ts';
import { realtimeDb } from '../realtime/db.ts';
import { attachRealtime, type Realtime } from '../realtime/gateway.ts';
import { createGatewayServer } from './server.ts';
import { RpcPath } from './rpc_path.ts';
import { createStudioServer } from './studio_server.ts';
import { startWire } from './wire.ts';

export interface ServeOptions {
  database: OpenedDatabase;
  keys: Keys;
  ports: Ports;
  log: (line: string) => void;
  functions: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  functionsState: () => string;
}

const STOP_MS = 2_000;
const HEALTH_MS = 5_000;

/** Opens the listeners of a place: the gateway with Realtime, Studio, and the wire port of an embedded database. */
export async function serveGateway(o: ServeOptions): Promise<{ close(): Promise<void> }> {
  const { connection, app } = o.database;
  const stops: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const stop of stops.splice(0).reverse()) {
      await atMost(STOP_MS, stop()).catch((error: Error) => {
        o.log(`stop: ${error.message}`);
      });
    }
  };
  try {
    let realtime: Realtime | undefined;
    const server = createGatewayServer({
      api: app.fetch,
      before: (listener) => new RpcPath({ connection, keys: o.keys, library: app.fetch, listener }).handle,
      functions: o.functions,
      realtime: async (request) => realtime?.handleHttp(request),
      health: () => health(o),
    });
    realtime = attachRealtime(server, {
      db: realtimeDb(connection.library as never),
      jwtSecret: o.keys.jwt_secret,
      keys: o.keys,
      log: (...line: unknown[]) =>
        o.log(
          `realtime: ${line.map((part) => (typeof part === 'string' ? part : JSON.stringify(part))).join(' ')}`,
        ),
    });
    stops.push(() => closeServer(server));
    stops.push(() => realtime.close());
    await realtime.ready;
    await listen(server, o.ports.gateway);

    const studio = createStudioServer(app.studioFetch, o.keys.studio_password);
    await listen(studio, o.ports.studio);
    stops.push(() => closeServer(studio));

    if (connection.pglite && connection.guard) {
      const wire = await startWire(connection.pglite, connection.guard, o.ports.db, sessionSettings(o.keys));
      stops.push(() => wire.close());
    }
    return { close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function health(o: ServeOptions) {
  const database = await Promise.race([
    o.database.connection.db.query('select 1').then(
      () => 'ok',
      () => 'failed',
    ),
    new Promise<string>((resolve) => setTimeout(() => resolve('slow'), HEALTH_MS).unref()),
  ]);
  const stopped = o.database.connection.guard?.stopped();
  const functions = o.functionsState();
  return {
    ok: database === 'ok' && (functions === 'up' || functions === 'off'),
    service: 'gateway',
    version: VERSION,
    place: o.database.connection.pglite ? 'embedded' : 'own',
    database,
    functions,
    ...(stopped ? { reason: `${stopped.message}. ${stopped.hint}` } : {}),
  };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
