// Everything the plane needs from outside, in one place, so that tests replace it whole.
import { wait } from '@cogo/spec/wait.ts';
import { cogoError } from '@cogo/spec/errors.ts';
import { apiKeys } from './api_keys.ts';
import type { Principal } from './principal.ts';
import { redact } from './redact.ts';
import { failingRpc, httpRpc, type Rpc } from './rpc.ts';

export interface Limits {
  /** Bytes of a request body. */
  maxBodyBytes: number;
  /** Bytes of a response kept for replay. */
  maxStoredBytes: number;
  /** A handler that runs longer is answered `timeout`; hosted functions die at 150 s. */
  requestTimeoutMs: number;
  /** How long a duplicate waits for the first to end. */
  idempotencyWaitMs: number;
  pingMs: number;
  /** The socket stays open this long after the last frame. */
  lingerMs: number;
}

export interface LogEntry {
  level: 'info' | 'warn' | 'error';
  msg: string;
  [field: string]: unknown;
}

export interface Deps {
  /** The database as the caller. */
  rpc: (principal: Principal, request?: { traceId: string }) => Rpc;
  /** The database as the service; for what the plane itself records. */
  serviceRpc: Rpc;
  /** Milliseconds since the epoch. */
  now: () => number;
  env: (key: string) => string | undefined;
  fetch: typeof fetch;
  log: (entry: LogEntry) => void;
  /** Resolves after `ms`, or at once when the signal aborts. */
  wait: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Keeps the isolate alive until the work ends. */
  background: (work: Promise<unknown>) => void;
  limits: Limits;
}

export const DEFAULT_LIMITS: Limits = {
  maxBodyBytes: 1_048_576,
  maxStoredBytes: 1_048_576,
  requestTimeoutMs: 145_000,
  idempotencyWaitMs: 30_000,
  pingMs: 15_000,
  lingerMs: 50,
};

interface EdgeRuntimeGlobal {
  EdgeRuntime?: { waitUntil?: (work: Promise<unknown>) => void };
  Deno?: { env: { get(key: string): string | undefined } };
}
const runtime = globalThis as EdgeRuntimeGlobal;

/** The given dependencies, completed with those of the running process. */
export function completeDeps(given: Partial<Omit<Deps, 'limits'>> & { limits?: Partial<Limits> } = {}): Deps {
  const env = given.env ?? readEnv;
  const fetcher = given.fetch ?? ((input, init) => fetch(input, init));
  return {
    env,
    fetch: fetcher,
    rpc: given.rpc ?? ((principal, request) => callerRpc(env, fetcher, principal, request?.traceId)),
    serviceRpc: given.serviceRpc ?? lazyServiceRpc(env, fetcher),
    now: given.now ?? Date.now,
    log: given.log ?? writeLog,
    wait: given.wait ?? wait,
    background: given.background ?? ((work) => runtime.EdgeRuntime?.waitUntil?.(work)),
    limits: { ...DEFAULT_LIMITS, ...limitsFromEnv(env), ...given.limits },
  };
}

// A permission that was not granted reads as an unset variable: the host decides what a function may see.
function readEnv(key: string): string | undefined {
  try {
    return runtime.Deno?.env.get(key);
  } catch {
    return undefined;
  }
}

function limitsFromEnv(env: Deps['env']): Partial<Limits> {
  const limits: Partial<Limits> = {};
  const body = Number(env('COGO_MAX_BODY_BYTES'));
  if (Number.isSafeInteger(body) && body > 0) limits.maxBodyBytes = body;
  const timeout = Number(env('COGO_REQUEST_TIMEOUT_MS'));
  if (Number.isSafeInteger(timeout) && timeout > 0) limits.requestTimeoutMs = timeout;
  return limits;
}

function callerRpc(env: Deps['env'], fetcher: typeof fetch, principal: Principal, traceId?: string): Rpc {
  const url = env('SUPABASE_URL');
  if (!url) return failingRpc(missing('SUPABASE_URL'));
  if (!principal.credentials) return failingRpc(cogoError('unauthorized', 'This call needs credentials.'));
  return httpRpc({ url, ...principal.credentials, ...(traceId ? { traceId } : {}), fetch: fetcher });
}

function lazyServiceRpc(env: Deps['env'], fetcher: typeof fetch): Rpc {
  let rpc: Rpc | undefined;
  const open = () => {
    const url = env('SUPABASE_URL');
    if (!url) return failingRpc(missing('SUPABASE_URL'));
    const apikey = apiKeys(env).secret[0];
    if (!apikey) return failingRpc(missing('SUPABASE_SECRET_KEY or SUPABASE_SERVICE_ROLE_KEY'));
    return httpRpc({ url, apikey, fetch: fetcher });
  };
  return {
    async call<T>(fn: string, args?: Record<string, unknown>, opts?: { signal?: AbortSignal }) {
      rpc ??= open();
      return await rpc.call<T>(fn, args, opts);
    },
    close: async () => {},
  };
}

function missing(name: string) {
  return cogoError('not_configured', `The function has no ${name}. Set it in the function's environment.`);
}

function writeLog(entry: LogEntry): void {
  const line = JSON.stringify(redact({ ts: new Date().toISOString(), ...entry }));
  if (entry.level === 'error') console.error(line);
  else console.log(line);
}
