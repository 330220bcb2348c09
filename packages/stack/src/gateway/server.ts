import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { cogoError } from '@cogo/spec/errors.ts';
import { traceIdOf, writeFailure } from './failure_answer.ts';
import type { Fetch } from './app.ts';

type Listener = (request: IncomingMessage, response: ServerResponse) => unknown;

export interface GatewayRoutes {
  /** `/rest/v1`, `/auth/v1`, `/storage/v1`. */
  api: Fetch;
  /** Wraps the listener of `api`: what it answers itself never gets there. */
  before?: (api: Listener) => Listener;
  /** `/functions/v1/<name>…`; absent when the stack runs without functions. */
  functions: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  /** `/realtime/v1/…` over HTTP; `undefined` for a path that is none of it. */
  realtime(request: Request): Promise<Response | undefined>;
  /** `GET /healthz`. */
  health(): Promise<{ ok: boolean } & Record<string, unknown>>;
}

const API = /^\/(?:rest|auth|storage)\/v1(?:\/|$|\?)/;
const REALTIME = /^\/realtime\/v1\//;
const FUNCTIONS = /^\/functions\/v1\//;
/**
 * Longer than the 90 s for which Deno keeps an idle connection: with Node's own 5 s a call now and then met a connection
 * that was just being closed, and failed.
 */
const KEEP_ALIVE_MS = 120_000;
const MAX_API_BYTES = 64 * 1024 * 1024;

/** The gateway's HTTP server; the caller makes it listen and attaches the websocket. */
export function createGatewayServer(routes: GatewayRoutes): Server {
  const library = getRequestListener(routes.api, { overrideGlobalObjects: false });
  const api = routes.before?.(library) ?? library;
  const realtime = getRequestListener(async (request) => (await routes.realtime(request)) ?? notFound(), {
    overrideGlobalObjects: false,
  });
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    if (FUNCTIONS.test(path)) {
      if (routes.functions) return routes.functions(request, response);
      return writeFailure(
        request,
        response,
        cogoError('not_configured', 'This stack was started without functions.'),
      );
    }
    if (API.test(path)) {
      if (Number(request.headers['content-length'] ?? 0) > MAX_API_BYTES) {
        return writeFailure(
          request,
          response,
          cogoError('payload_too_large', `The body is larger than ${MAX_API_BYTES} bytes.`),
        );
      }
      return void api(request, response);
    }
    if (REALTIME.test(path)) return void realtime(request, response);
    if (/^\/healthz(?:\?|$)/.test(path)) return void answerHealth(routes, request, response);
    writeFailure(
      request,
      response,
      cogoError(
        'not_found',
        'Nothing is served at this path. The gateway has /rest/v1, /auth/v1, /storage/v1, /functions/v1, /realtime/v1 and /healthz.',
      ),
    );
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  return server;
}

async function answerHealth(routes: GatewayRoutes, request: IncomingMessage, response: ServerResponse) {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return writeFailure(request, response, cogoError('method_not_allowed', 'Use GET.'));
  }
  const health = await routes.health();
  response.writeHead(health.ok ? 200 : 503, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'access-control-allow-origin': '*',
    'x-trace-id': traceIdOf(request),
  });
  response.end(request.method === 'HEAD' ? undefined : JSON.stringify(health));
}

function notFound(): Response {
  return Response.json(
    { error: 'not_found', message: 'Nothing is served at this path of Realtime.' },
    { status: 404 },
  );
}
