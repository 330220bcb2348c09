// The end of a request in the database (cogo_api.request_end): events, trace, stored answer, in one round trip.
import type { CogoError } from '@cogo/spec/errors.ts';
import type { StoredResponse } from './begin.ts';
import { type Bus, bounded } from './bus.ts';
import type { Deps } from './deps.ts';
import { JSON_TYPE } from './respond.ts';

/** How a request came out. */
export interface Ending {
  status: number;
  error?: CogoError | undefined;
  output?: unknown;
  /** The answer to keep for replays; without one the key is released. */
  stored?: StoredResponse | undefined;
  handedOff?: boolean;
  /** Goes with the record, as `Context.keep` says. */
  kept?: { name: string; value: Record<string, unknown> } | undefined;
}

export interface RequestIdentity {
  traceId: string;
  function: string;
  operation: string;
  principal: string;
  durationMs: number;
  lock?: { key: string; lock_token: string } | undefined;
}

/** Never throws: what can not be recorded is logged, and given back for a request whose answer depends on it. */
export async function endRequest(
  deps: Deps,
  bus: Bus,
  who: RequestIdentity,
  end: Ending,
): Promise<CogoError | undefined> {
  bus.emit(end.error ? 'request.error' : 'request.done', {
    function: who.function,
    operation: who.operation,
    status: end.status,
    duration_ms: who.durationMs,
    ...(end.error ? { code: end.error.code } : {}),
  });
  const request: Record<string, unknown> = {
    trace_id: who.traceId,
    function: who.function,
    principal: who.principal,
    status: end.status,
    duration_ms: who.durationMs,
    trace_status: end.error ? 'failed' : end.handedOff ? 'running' : 'ready',
    events: await bus.drain(),
  };
  if (end.kept) request[end.kept.name] = end.kept.value;
  if (end.output !== undefined) request['output'] = bounded(end.output);
  if (end.error) request['error'] = { code: end.error.code, message: end.error.message };
  if (who.lock) {
    request['idempotency'] = {
      ...who.lock,
      store: end.stored !== undefined,
      ...(end.stored ? { response: end.stored } : {}),
    };
  }
  const answer = await deps.serviceRpc.call('request_end', { request });
  if (!answer.ok) {
    deps.log({ level: 'warn', msg: 'request_end failed', trace_id: who.traceId, error: answer.error.code });
    return answer.error;
  }
  return undefined;
}

const KEPT_HEADERS = ['etag', 'location', 'cache-control'];

/** A copy of an answer for replays; nothing when it is too large, which a header of the answer then says. */
export async function snapshotOf(
  response: Response,
  traceId: string,
  maxBytes: number,
): Promise<StoredResponse | undefined> {
  const body = await response.clone().text();
  if (new TextEncoder().encode(body).length > maxBytes) {
    response.headers.set('idempotency-stored', 'false');
    return undefined;
  }
  const headers: Record<string, string> = { 'x-trace-id': traceId };
  for (const name of KEPT_HEADERS) {
    const value = response.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  return {
    status: response.status,
    headers,
    content_type: response.headers.get('content-type') ?? JSON_TYPE,
    body,
  };
}
