import { CompiledQuery, type Kysely } from 'kysely';
import { inOneSession } from './exclusive_kysely.ts';
import { asPostgrestError, isDatabaseError } from './postgrest_status.ts';
import { noteFailure } from './request_failure.ts';
import { headersOfRequest } from './request_headers.ts';
import { expectError } from './quiet_console.ts';

/** What the gateway library hands to its connection for one request. */
interface RequestVars {
  auth?: { role?: string; uid?: unknown; jwt?: Record<string, unknown> | null };
  storage?: { operation?: string | null };
}

interface RpcRequest {
  method: string;
  path: string;
  requestHeaders?: Record<string, string>;
}

/** The inner parts of the library's Postgres connections (0.10.0) that are replaced here. */
interface Inner {
  rlsState: string;
  applyJwtSessionContext(db: Kysely<unknown>, vars: RequestVars): Promise<void>;
  applyRpcRequestGucs(db: Kysely<unknown>, request: RpcRequest): Promise<void>;
  normalizeDbError(error: unknown): unknown;
  withContext(
    vars: unknown,
    work: (db: Kysely<unknown>) => Promise<unknown>,
    options?: unknown,
  ): Promise<unknown>;
  runInTransaction(work: (db: Kysely<unknown>) => Promise<unknown>): Promise<unknown>;
}

const ROLES = new Set(['anon', 'authenticated', 'service_role']);

const REQUEST_SETTINGS = `
select set_config('request.jwt.claims', $1, true),
       set_config('request.jwt.claim.sub', $2, true),
       set_config('request.jwt.claim.role', $3, true),
       set_config('storage.operation', $4, true),
       set_config('request.headers', $5, true),
       set_config('role', $3, true)`;

const RPC_SETTINGS = `
select set_config('response.status', '', true),
       set_config('response.headers', '', true),
       set_config('request.method', $1, true),
       set_config('request.path', $2, true),
       set_config('request.headers', $3, true)`;

/**
 * Makes a connection of the gateway library fit for a shared platform. Its own defaults grant ALL on every table of every schema
 * with row level security to anon and authenticated, leave `request.jwt.claims` unset for anonymous calls (which SQL would take
 * for a call from inside), and answer own SQLSTATEs with a bare 500. Throws when the library no longer has the parts replaced,
 * so an upgrade can not lose the protection unseen.
 */
export function hardenConnection(connection: object): void {
  const inner = connection as Inner;
  for (const part of [
    'applyJwtSessionContext',
    'applyRpcRequestGucs',
    'normalizeDbError',
    'withContext',
  ] as const) {
    if (typeof inner[part] !== 'function') throw new Error(`The gateway library has no ${part} any more.`);
  }
  if (inner.rlsState !== 'unknown') throw new Error('The gateway library changed how it prepares roles.');
  // 'active' = "roles and grants are there": the grants are made by the platform shims and the migrations, table by table.
  inner.rlsState = 'active';
  inner.applyJwtSessionContext = async (db, vars) => {
    const role = vars.auth?.role || 'anon';
    if (!ROLES.has(role)) {
      throw Object.assign(new Error(`role "${role}" may not be taken on`), { code: '42501' });
    }
    const claims = { ...vars.auth?.jwt, role };
    const uid = vars.auth?.uid;
    await db.executeQuery(
      CompiledQuery.raw(REQUEST_SETTINGS, [
        JSON.stringify(claims),
        typeof uid === 'string' ? uid : '',
        role,
        vars.storage?.operation ?? '',
        JSON.stringify(headersOfRequest()),
      ]),
    );
  };
  inner.applyRpcRequestGucs = async (db, request) => {
    await db.executeQuery(
      CompiledQuery.raw(RPC_SETTINGS, [
        request.method,
        request.path,
        JSON.stringify(request.requestHeaders ?? {}),
      ]),
    );
  };
  inner.normalizeDbError = (error) => {
    const answer = asPostgrestError(error);
    // The library prints every error of a request; those of the caller's making are no news.
    if (isDatabaseError(error)) {
      expectError(answer);
      noteFailure(error);
    }
    return answer;
  };
  const { withContext, runInTransaction } = inner;
  inner.withContext = (vars, work, options) =>
    inOneSession(() => withContext.call(inner, vars, work, options));
  inner.runInTransaction = (work) => inOneSession(() => runInTransaction.call(inner, work));
}
