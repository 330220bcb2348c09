import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fakePlane, TEST_KEYS, type FakeFunction } from '../../functions/_shared/testing.ts';

export interface MemoryGateway {
  url: string;
  /** What a function finds in its environment. */
  env: Record<string, string>;
  /** Names of the `cogo_api` functions called, in order. */
  called: string[];
  close(): Promise<void>;
}

/** The Data API's `POST /rest/v1/rpc/<fn>` on loopback, answered by the fakes the function tests use. */
export async function startMemoryGateway(functions: Record<string, FakeFunction>): Promise<MemoryGateway> {
  const plane = fakePlane({ functions });
  const called: string[] = [];
  const server = createServer(async (request, response) => {
    const fn = /^\/rest\/v1\/rpc\/(\w+)$/.exec(request.url ?? '')?.[1];
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const answer = fn
      ? await plane.deps.serviceRpc!.call(
          fn,
          JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>,
        )
      : undefined;
    called.push(fn ?? `${request.method} ${request.url}`);
    const status = answer?.ok ? 200 : (answer?.error.status ?? 404);
    const body = answer?.ok
      ? (answer.value ?? null)
      : { code: 'CG003', message: answer?.error.message ?? 'no such path' };
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    called,
    env: {
      SUPABASE_URL: url,
      SUPABASE_PUBLISHABLE_KEY: TEST_KEYS.publishable,
      SUPABASE_SECRET_KEY: TEST_KEYS.secret,
      SUPABASE_JWT_SECRET: TEST_KEYS.jwtSecret,
      COGO_PLACE: 'hosted',
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
