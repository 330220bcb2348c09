import { failureOf } from '@cogo/spec/envelope.ts';
import type { CogoError } from '@cogo/spec/errors.ts';

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
  return jsonResponse(JSON.stringify(failureOf(error, traceId, via)), error.status, headers);
}
