// The first database call of a request: rate, idempotency and the trace row in one round trip (cogo_api.request_begin).
import { canonicalJson } from '@cogo/spec/canonical_json.ts';
import { cogoError } from '@cogo/spec/errors.ts';
import { err, failure, ok, type Result } from '@cogo/spec/result.ts';
import { sha256Hex } from '@cogo/spec/sha256.ts';
import type { Deps } from './deps.ts';

export interface RateVerdict {
  allowed: boolean;
  limit: number;
  remaining: number;
  reset_s: number;
  retry_after_s: number;
}

export interface StoredResponse {
  status: number;
  headers: Record<string, string>;
  content_type: string;
  body: string;
}

interface IdempotencyVerdict {
  state: 'new' | 'replay' | 'running' | 'conflict';
  lock_token?: string;
  response?: StoredResponse;
}

interface Verdict {
  trace?: { trace_id: string } | null;
  rate?: RateVerdict;
  idempotency?: IdempotencyVerdict;
}

export interface BeginRequest {
  trace_id: string;
  function: string;
  principal: string;
  project_id?: string;
  session_id?: string;
  route?: string;
  rate?: { bucket: string; capacity: number; refill_per_s: number; cost: number };
  idempotency?: { key: string; request_hash: string; ttl_s: number };
}

export interface Begun {
  /** Another than asked for when that id belongs to someone else. */
  traceId: string;
  rate?: RateVerdict;
  lockToken?: string;
  replay?: StoredResponse;
}

export const IDEMPOTENCY_TTL_S = 86_400;
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 1000;

/** `Idempotency-Key`: 1 to 255 visible ASCII characters. */
export function checkIdempotencyKey(key: string): Result<string> {
  if (/^[\x21-\x7e]{1,255}$/.test(key)) return ok(key);
  return failure('bad_request', 'Idempotency-Key must be 1 to 255 visible ASCII characters without spaces.');
}

/** What makes two requests the same: function, method, path, query, form of the answer, and the body's meaning. */
export async function requestHash(request: {
  function: string;
  method: string;
  path: string;
  query: Record<string, string>;
  stream: boolean;
  body: unknown;
}): Promise<string> {
  return await sha256Hex(canonicalJson({ ...request, body: request.body ?? null }));
}

/**
 * Begins a request. A duplicate of one that runs waits for it, a while, and then replays its answer; the rate verdict
 * comes back on refusals too, for the headers.
 */
export async function begin(
  request: BeginRequest,
  deps: Deps,
  signal: AbortSignal,
): Promise<{ rate?: RateVerdict; result: Result<Begun> }> {
  let ask = request;
  let rate: RateVerdict | undefined;
  let pause = FIRST_WAIT_MS;
  let waited = 0;
  for (;;) {
    const answer = await deps.serviceRpc.call<Verdict | null>('request_begin', { request: ask });
    if (!answer.ok) return { ...(rate ? { rate } : {}), result: answer };
    const verdict = answer.value ?? {};
    rate = verdict.rate ?? rate;
    const known = rate ? { rate } : {};
    if (rate && !rate.allowed) {
      const message = `Too many requests. Retry after ${rate.retry_after_s} s.`;
      return {
        rate,
        result: failure('rate_limited', message, { details: { retry_after_s: rate.retry_after_s } }),
      };
    }
    const traceId = verdict.trace?.trace_id ?? request.trace_id;
    const { idempotency } = verdict;
    if (idempotency?.state === 'conflict') {
      const message = 'This Idempotency-Key was used with another request. Use a new key for a new request.';
      return { ...known, result: failure('idempotency_conflict', message) };
    }
    if (idempotency?.state === 'replay' && idempotency.response) {
      return { ...known, result: ok({ traceId, ...known, replay: idempotency.response }) };
    }
    if (idempotency?.state !== 'running') {
      const lock = idempotency?.lock_token ? { lockToken: idempotency.lock_token } : {};
      return { ...known, result: ok({ traceId, ...known, ...lock }) };
    }
    if (waited >= deps.limits.idempotencyWaitMs) {
      const message = 'A request with this Idempotency-Key is still running. Ask again with the same key.';
      return { ...known, result: err(cogoError('idempotency_conflict', message, { retryable: true })) };
    }
    await deps.wait(pause, signal);
    if (signal.aborted) return { ...known, result: failure('aborted', 'The caller closed the connection.') };
    waited += pause;
    pause = Math.min(pause * 1.5, LONGEST_WAIT_MS);
    // The tokens were taken with the first question.
    const { rate: _taken, ...again } = ask;
    ask = again;
  }
}
