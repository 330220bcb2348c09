import { createServer, type Server } from 'node:http';
import type { TestContext } from 'node:test';
import { ERROR_TABLE } from '@cogo/spec/errors.ts';
import type { TestDatabase } from '@cogo/stack/testing.ts';

export interface TestGateway {
  url: string;
  /** Every function called, in order. */
  calls: string[];
  /** Answers 503 while set. */
  away: boolean;
}

/** The Data API of a test database: just enough of PostgREST for `rpc`, so that a worker process can be tested whole. */
export async function testGateway(t: TestContext, db: TestDatabase): Promise<TestGateway> {
  const gateway: TestGateway = { url: '', calls: [], away: false };
  const server: Server = createServer(async (request, response) => {
    const answer = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    let text = '';
    for await (const chunk of request) text += String(chunk);
    if (gateway.away) return answer(503, { message: 'away' });
    const fn = /^\/rest\/v1\/rpc\/(\w+)$/.exec(request.url ?? '')?.[1];
    if (!fn || request.headers['content-profile'] !== 'cogo_api')
      return answer(404, { message: 'no such function' });
    gateway.calls.push(fn);
    const token = request.headers['x-cogo-token'];
    const rpc = db.rpc('anon', undefined, typeof token === 'string' ? { 'x-cogo-token': token } : {});
    const got = await rpc.call(fn, JSON.parse(text || '{}'));
    if (got.ok) return answer(200, got.value ?? null);
    const row: { status: number; sqlstate?: string } = ERROR_TABLE[got.error.code];
    answer(got.error.status, {
      code: row.sqlstate ?? 'XX000',
      message: got.error.message,
      details: got.error.details === undefined ? null : JSON.stringify(got.error.details),
      hint: null,
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  gateway.url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  return gateway;
}
