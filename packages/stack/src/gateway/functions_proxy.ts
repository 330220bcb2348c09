import { Agent, type IncomingMessage, request as httpRequest, type ServerResponse } from 'node:http';
import { cogoError, type CogoError } from '@cogo/spec/errors.ts';
import { writeFailure } from './failure_answer.ts';

export interface HostAddress {
  host: string;
  port: number;
}

export interface FunctionsTarget {
  /** Where the functions host listens; waits a little while it starts again. `not` is a host that is known to be gone. */
  address(wait: { signal: AbortSignal; not?: HostAddress }): Promise<HostAddress | undefined>;
  /** Why the host went away while it served a request, if it is known to have hung. */
  endedByHang(): boolean;
}

export interface ProxyOptions {
  target: FunctionsTarget;
  /** To the first byte of the answer, as hosted functions have it. */
  timeoutMs: number;
}

const PREFIX = '/functions/v1';
// Hop-by-hop headers belong to one connection. Source: RFC 9110, 7.6.1.
const HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Hands `/functions/v1/<name>…` on to the functions host, both bodies as they come. The caller going away ends the function's
 * request; a function that does not answer gets 504, a host that is starting 503, one that died meanwhile 502.
 */
export function createFunctionsProxy(options: ProxyOptions) {
  const { target, timeoutMs } = options;
  // No kept connections: a refused one then means that the request never reached a function and may be sent again.
  const agent = new Agent({ keepAlive: false });

  const handle = async (
    request: IncomingMessage,
    response: ServerResponse,
    dead?: HostAddress,
  ): Promise<void> => {
    const gone = new AbortController();
    const leave = () => gone.abort();
    response.once('close', leave);
    const address = await target.address({ signal: gone.signal, ...(dead ? { not: dead } : {}) });
    response.off('close', leave);
    if (gone.signal.aborted) return;
    if (!address) return writeFailure(request, response, RESTARTING);
    forward(request, response, address);
  };

  const forward = (request: IncomingMessage, response: ServerResponse, address: HostAddress) => {
    // A function refuses a body that is too large without reading it, and the connection breaks while it is still being
    // written: the refusal would be lost. So a large body is sent only once the function begins to read it.
    const asksFirst =
      Number(request.headers['content-length'] ?? Number.POSITIVE_INFINITY) > LARGE_BODY_BYTES &&
      hasBody(request);
    const upstream = httpRequest({
      host: address.host,
      port: address.port,
      agent,
      method: request.method ?? 'GET',
      path: (request.url ?? '/').slice(PREFIX.length),
      headers: {
        ...endToEnd(request.headers),
        ...forwarded(request),
        ...(asksFirst ? { expect: '100-continue' } : {}),
      },
    });
    let delivered = false;
    let left = false;
    const timer = setTimeout(() => {
      writeFailure(request, response, slow(timeoutMs));
      upstream.destroy();
    }, timeoutMs);
    const leave = () => {
      left = true;
      clearTimeout(timer);
      upstream.destroy();
    };
    response.once('close', leave);
    upstream.once('socket', (socket) => {
      socket.once('connect', () => {
        delivered = true;
        if (asksFirst) upstream.flushHeaders();
        else request.pipe(upstream);
      });
    });
    upstream.once('continue', () => request.pipe(upstream));
    upstream.once('response', (answer) => {
      clearTimeout(timer);
      response.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers));
      // Without this the first frame of a stream waits for the second.
      response.flushHeaders();
      answer.pipe(response);
      answer.once('error', () => response.destroy());
    });
    upstream.once('error', () => {
      clearTimeout(timer);
      response.off('close', leave);
      if (left) return;
      if (!delivered) return void handle(request, response, address);
      writeFailure(request, response, target.endedByHang() ? HUNG : DIED);
    });
    request.once('error', () => upstream.destroy());
  };

  return {
    handle: (request: IncomingMessage, response: ServerResponse) => void handle(request, response),
    close: () => agent.destroy(),
  };
}

/** More than a connection's buffers take in at once is large. */
const LARGE_BODY_BYTES = 16_384;

function hasBody(request: IncomingMessage): boolean {
  return (
    request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined
  );
}

const RESTARTING = cogoError(
  'unavailable',
  'The functions are starting again. Try again in a second; cogo logs functions tells why they stopped.',
);
const DIED: CogoError = {
  ...cogoError(
    'unavailable',
    'The functions process ended while it served this request and is starting again. See: cogo logs functions',
  ),
  status: 502,
};
const HUNG = cogoError(
  'timeout',
  'The functions process stopped answering (a function blocks it) and was started again. See: cogo logs functions',
);

function slow(timeoutMs: number): CogoError {
  return cogoError('timeout', `The function did not begin to answer within ${timeoutMs / 1000} s.`);
}

function endToEnd(headers: IncomingMessage['headers']): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !HOP.has(name)) kept[name] = value;
  }
  return kept;
}

function forwarded(request: IncomingMessage): Record<string, string> {
  const { host } = request.headers;
  return {
    'x-forwarded-for': request.socket.remoteAddress ?? '',
    'x-forwarded-proto': 'http',
    ...(host ? { 'x-forwarded-host': host } : {}),
  };
}
