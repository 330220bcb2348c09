// For tests of functions: an app's outside, in memory. `fakePlane` answers what the plane asks of the database
// (request_begin, request_end, emit_events, get_project, whoami) as the SQL does, and keeps what was recorded.
import { cogoError } from '@cogo/spec/errors.ts';
import { err, ok, type Result } from '@cogo/spec/result.ts';
import type { BeginRequest, RateVerdict, StoredResponse } from './begin.ts';
import type { LogEntry } from './deps.ts';
import type { GivenDeps } from './plane.ts';
import type { Principal } from './principal.ts';
import type { Rpc } from './rpc.ts';

export const TEST_KEYS = {
  publishable: 'sb_publishable_test_0123456789',
  secret: 'sb_secret_test_0123456789',
  jwtSecret: 'test-jwt-secret-at-least-32-characters-long',
};

export const TEST_PROJECT = '11111111-1111-4111-8111-111111111111';

export type FakeFunction = (
  args: Record<string, unknown>,
  caller: Principal | 'service',
) => unknown | Promise<unknown>;

interface KeyRow {
  hash: string;
  state: 'running' | 'done';
  lock_token: string;
  response?: StoredResponse;
}

export interface FakePlane {
  deps: GivenDeps;
  /** Every call of the database, in order. */
  calls: { fn: string; args: Record<string, unknown>; caller: Principal | 'service' }[];
  begun: BeginRequest[];
  ended: Record<string, unknown>[];
  /** Events recorded, through emit_events and request_end. */
  events: { trace_id: string; event_type: string; payload: unknown }[];
  logs: LogEntry[];
  keys: Map<string, KeyRow>;
}

/**
 * `functions` answers `cogo_api` calls by name: return a value, or a Result to fail. Unknown names answer not_found,
 * so that a call nobody expected shows. `env` adds to the keys above.
 */
export function fakePlane(
  given: { functions?: Record<string, FakeFunction>; env?: Record<string, string>; deps?: GivenDeps } = {},
): FakePlane {
  const state: Omit<FakePlane, 'deps'> = {
    calls: [],
    begun: [],
    ended: [],
    events: [],
    logs: [],
    keys: new Map(),
  };
  const functions: Record<string, FakeFunction> = {
    ...ownFunctions(state, (kept, caller) => functions['chat_end']?.(kept, caller)),
    ...given.functions,
  };
  const rpcOf = (caller: Principal | 'service'): Rpc => ({
    async call<T>(fn: string, args: Record<string, unknown> = {}) {
      state.calls.push({ fn, args, caller });
      const answer = functions[fn];
      if (!answer) return err(cogoError('not_found', `The fake has no function ${fn}.`));
      const value = await answer(structuredClone(args), caller);
      return (isResult(value) ? value : ok(value)) as Result<T>;
    },
    async close() {},
  });
  const env: Record<string, string> = {
    SUPABASE_URL: 'http://supabase.test',
    SUPABASE_PUBLISHABLE_KEY: TEST_KEYS.publishable,
    SUPABASE_SECRET_KEY: TEST_KEYS.secret,
    SUPABASE_JWT_SECRET: TEST_KEYS.jwtSecret,
    COGO_PLACE: 'embedded',
    ...given.env,
  };
  return {
    ...state,
    deps: {
      rpc: (principal) => rpcOf(principal.kind === 'service' ? 'service' : principal),
      serviceRpc: rpcOf('service'),
      env: (key) => env[key],
      fetch: () => Promise.reject(new TypeError('no network in tests')),
      log: (entry) => state.logs.push(entry),
      ...given.deps,
    },
  };
}

function ownFunctions(
  state: Omit<FakePlane, 'deps'>,
  storeChat: (kept: Record<string, unknown>, caller: Principal | 'service') => unknown,
): Record<string, FakeFunction> {
  return {
    get_project: ({ project }) => ({ id: project, slug: 'demo', name: 'Demo', role: 'viewer' }),
    whoami: (_args, caller) => whoami(caller),
    emit_events: ({ events }) => state.events.push(...(events as FakePlane['events'])),
    request_begin: ({ request }) => requestBegin(state, request as BeginRequest),
    request_end: async ({ request }, caller) => {
      const end = request as Record<string, unknown> & {
        events?: FakePlane['events'];
        idempotency?: { key: string; store: boolean; response?: StoredResponse };
      };
      if (end['chat']) {
        const stored = await storeChat(end['chat'] as Record<string, unknown>, caller);
        if (isResult(stored) && !stored.ok) return stored;
      }
      state.ended.push(end);
      state.events.push(...(end.events ?? []));
      if (end.idempotency) {
        const id = `${end['principal']} ${end['function']} ${end.idempotency.key}`;
        const row = state.keys.get(id);
        if (row && end.idempotency.store) {
          state.keys.set(id, { ...row, state: 'done', response: end.idempotency.response! });
        } else state.keys.delete(id);
      }
      return { events: end.events?.length ?? 0, stored: end.idempotency?.store ?? false };
    },
  };
}

function requestBegin(state: Omit<FakePlane, 'deps'>, request: BeginRequest) {
  state.begun.push(request);
  const trace = { trace_id: request.trace_id, created_at: '2026-01-01T00:00:00Z' };
  const rate: { rate?: RateVerdict } = request.rate
    ? {
        rate: {
          allowed: true,
          limit: request.rate.capacity,
          remaining: request.rate.capacity - 1,
          reset_s: 1,
          retry_after_s: 0,
        },
      }
    : {};
  if (!request.idempotency) return { trace, ...rate };
  const id = `${request.principal} ${request.function} ${request.idempotency.key}`;
  const row = state.keys.get(id);
  if (!row) {
    const lock_token = crypto.randomUUID();
    state.keys.set(id, { hash: request.idempotency.request_hash, state: 'running', lock_token });
    return { trace, ...rate, idempotency: { state: 'new', lock_token } };
  }
  if (row.hash !== request.idempotency.request_hash)
    return { trace: null, ...rate, idempotency: { state: 'conflict' } };
  if (row.state === 'done')
    return { trace: null, ...rate, idempotency: { state: 'replay', response: row.response } };
  return { trace: null, ...rate, idempotency: { state: 'running' } };
}

function whoami(caller: Principal | 'service') {
  if (caller === 'service') return { kind: 'service', principal: 'service' };
  const token = caller.credentials?.cogoToken;
  if (token?.startsWith('cogo_pt_'))
    return { kind: 'token', project_id: TEST_PROJECT, principal: 'token:test' };
  if (token?.startsWith('cogo_wt_')) {
    return { kind: 'worker', project_id: TEST_PROJECT, executor: 'cogo-work', principal: 'worker:test' };
  }
  return { kind: caller.kind, principal: caller.id };
}

function isResult(value: unknown): value is Result<unknown> {
  return (
    typeof value === 'object' && value !== null && 'ok' in value && ('value' in value || 'error' in value)
  );
}

/** Headers of a caller: the publishable key, the secret key, or a project token. */
export function asCaller(kind: 'anon' | 'service' | 'token' | 'worker'): Record<string, string> {
  if (kind === 'service') return { apikey: TEST_KEYS.secret };
  if (kind === 'anon') return { apikey: TEST_KEYS.publishable };
  const token = `cogo_${kind === 'token' ? 'pt' : 'wt'}_${'0123456789abcdefghijABCDEFGHIJ01'}`;
  return { apikey: TEST_KEYS.publishable, 'x-cogo-token': token };
}

/** A POST of JSON as a caller. */
export function post(
  body: unknown,
  caller: 'anon' | 'service' | 'token' | 'worker' = 'service',
  headers: Record<string, string> = {},
): RequestInit {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...asCaller(caller), ...headers },
    body: JSON.stringify(body),
  };
}
