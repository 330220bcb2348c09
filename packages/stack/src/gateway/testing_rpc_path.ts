import type { AddressInfo } from 'node:net';
import type { Keys } from '@cogo/client/stack_file.ts';
import { openDatabase } from '../place/open_database.ts';
import { REPO, removeDataDir, testDataDir } from '../testing_place.ts';
import { RpcPath } from './rpc_path.ts';
import { createGatewayServer } from './server.ts';

export interface Answer {
  status: number;
  type: string | null;
  body: unknown;
}

/** A gateway's Data API in memory, reached by the short way and by the library alone. */
export async function makePlace(keys: Pick<Keys, 'publishable_key' | 'secret_key' | 'jwt_secret' | 'kek'>) {
  const dataDir = await testDataDir();
  const opened = await openDatabase({
    dataDir,
    root: REPO,
    keys: keys as Keys,
    gatewayUrl: 'http://127.0.0.1:1',
    dbUrl: undefined,
    step: (_name, work) => work(),
  });
  if (!opened.ok) throw new Error(opened.error.message);
  const { connection, app } = opened.value;
  const reached: string[] = [];
  const library = async (request: Request) => {
    reached.push(request.url);
    return await app.fetch(request);
  };
  const server = createGatewayServer({
    api: library,
    before: (listener) => new RpcPath({ connection, keys, library, listener }).handle,
    functions: undefined,
    realtime: async () => undefined,
    health: async () => ({ ok: true }),
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ask = async (fetch: typeof app.fetch, fn: string, body: unknown, headers: object, schema: string) => {
    const text = JSON.stringify(body);
    const response = await fetch(
      new Request(`${url}/rest/v1/rpc/${fn}`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'content-profile': schema,
          'content-length': String(Buffer.byteLength(text)),
          ...headers,
        },
        body: text,
      }),
    );
    const answer = await response.text();
    return {
      status: response.status,
      type: response.headers.get('content-type')?.replace(/;.*/, '') ?? null,
      body: answer === '' ? null : JSON.parse(answer),
    } satisfies Answer;
  };
  return {
    keys,
    reached,
    owner: String((await connection.db.query('select current_user as who'))[0]!['who']),
    mine: (fn: string, body: unknown, headers: object, schema = 'cogo_api') =>
      ask(fetch, fn, body, headers, schema),
    library: (fn: string, body: unknown, headers: object) => ask(app.fetch, fn, body, headers, 'cogo_api'),
    /** An answer without what differs from call to call. */
    settled(body: unknown): unknown {
      if (typeof body !== 'object' || body === null) return body;
      const { created_at, created, ...rest } = body as Record<string, unknown>;
      return rest;
    },
    sql: (text: string) => connection.db.query(text),
    refresh: () => connection.refreshSchema(),
    async close() {
      server.closeAllConnections();
      server.close();
      await connection.close();
      removeDataDir(dataDir);
    },
  };
}

export type TestPlace = Awaited<ReturnType<typeof makePlace>>;
