import type { IncomingMessage, ServerResponse } from 'node:http';
import { failureOf } from '@cogo/spec/envelope.ts';
import type { CogoError } from '@cogo/spec/errors.ts';
import { newTraceId, isTraceId } from '@cogo/spec/ids.ts';

/** The caller's `X-Trace-Id` when valid, else a new one. */
export function traceIdOf(request: IncomingMessage): string {
  const given = request.headers['x-trace-id'];
  return typeof given === 'string' && isTraceId(given) ? given : newTraceId();
}

/** Answers the failure envelope in place of a function that could not. `Retry-After` goes with what a retry may mend. */
export function writeFailure(request: IncomingMessage, response: ServerResponse, error: CogoError): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const traceId = traceIdOf(request);
  response.writeHead(error.status, {
    'content-type': 'application/json; charset=utf-8',
    'access-control-allow-origin': '*',
    'x-trace-id': traceId,
    ...(error.retryable ? { 'retry-after': '1' } : {}),
    // Whatever of the request body is unread would be taken for the next request.
    ...(request.complete ? {} : { connection: 'close' }),
  });
  response.end(JSON.stringify(failureOf(error, traceId, 'embedded')));
}
