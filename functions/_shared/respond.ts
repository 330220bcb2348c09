// Replies of handlers, refusals of the plane and stored answers as Responses.
import { failureOf, successEnvelope } from '@cogo/spec/envelope.ts';
import { framesAfter } from '@cogo/spec/sse.ts';
import type { CogoError } from '@cogo/spec/errors.ts';
import type { StoredResponse } from './begin.ts';
import type { FailureReply, JsonReply } from './context.ts';
import type { Deps } from './deps.ts';
import { replayBody, STREAM_HEADERS } from './stream.ts';

export const JSON_TYPE = 'application/json; charset=utf-8';

/** A JSON response that no cache keeps, unless the handler says otherwise. */
export function jsonResponse(text: string, status: number, headers: Record<string, string> = {}): Response {
  return new Response(text, {
    status,
    headers: { 'content-type': JSON_TYPE, 'cache-control': 'no-store', ...headers },
  });
}

export function failureResponse(
  error: CogoError,
  traceId: string,
  via = 'edge',
  headers: Record<string, string> = {},
): Response {
  // 499 is nginx's "client closed request": nobody reads it, but logs do.
  const response = jsonResponse(JSON.stringify(failureOf(error, traceId, via)), error.status, headers);
  if (error.code === 'unauthorized') response.headers.set('www-authenticate', 'Bearer realm="cogo"');
  const soon = error.status === 429 || (error.code === 'idempotency_conflict' && error.retryable);
  if (soon && !response.headers.has('retry-after')) response.headers.set('retry-after', '1');
  return response;
}

/** What a handler answered; `headers` are the plane's own and yield to the handler's. */
export function replyResponse(
  reply: JsonReply | FailureReply | Response,
  traceId: string,
  headers: Record<string, string>,
): Response {
  if (reply instanceof Response) {
    const response = new Response(reply.body, reply);
    for (const [name, value] of Object.entries(headers)) {
      if (!response.headers.has(name)) response.headers.set(name, value);
    }
    return response;
  }
  const all = { ...headers, ...reply.headers };
  if (reply.kind === 'failure') return failureResponse(reply.error, traceId, reply.via, all);
  return jsonResponse(JSON.stringify(successEnvelope(traceId, reply.payload)), reply.status, all);
}

/** A stored answer again, byte for byte; of a stream only what follows the frame `lastEventId`, if it is given. */
export function replayResponse(
  stored: StoredResponse,
  headers: Record<string, string>,
  lastEventId: string | null,
  deps: Deps,
): Response {
  const isStream = stored.content_type.startsWith('text/event-stream');
  const text = isStream && lastEventId !== null ? framesAfter(stored.body, lastEventId) : stored.body;
  return new Response(isStream ? replayBody(text, deps) : text, {
    status: stored.status,
    headers: {
      ...headers,
      ...(isStream ? STREAM_HEADERS : { 'cache-control': 'no-store' }),
      ...stored.headers,
      'content-type': stored.content_type,
      'idempotency-replayed': 'true',
    },
  });
}
