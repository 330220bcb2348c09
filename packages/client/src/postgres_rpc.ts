import postgres from 'postgres';
import { cogoError, errorFromDatabase, type CogoError } from '@cogo/spec/errors.ts';
import { err, failure, ok, type Result } from '@cogo/spec/result.ts';
import { CONTEXT_SQL, contextParams, type RequestContext } from './request_context.ts';
import type { Rpc } from './rpc.ts';
import {
  buildCall,
  chooseSignature,
  decodeRows,
  parseSignatures,
  SIGNATURES_SQL,
  type Signature,
} from './sql_call.ts';

export interface PostgresOptions {
  /** `postgres://…`; the user must be able to take the role. */
  url: string;
  role?: RequestContext['role'];
  claims?: object;
  /** Sent as the `x-cogo-token` header the SQL reads from `request.headers`. */
  cogoToken?: string;
  /** Connections, 4 unless told. */
  max?: number;
}

/** Milliseconds an aborted statement has to end before its connections are given up. */
const GRACE_MS = 1000;

/**
 * `cogo_api` straight over a native Postgres, for servers next to it. Works behind a transaction pooler.
 *
 * A call that is aborted answers at once. The driver can lose a statement for ever when its backend is terminated in the middle of a
 * transaction, or when the network goes without a word: where an aborted statement does not end, the pool it runs in is replaced, and
 * other calls under way in it answer `unavailable`.
 */
export function postgresRpc(options: PostgresOptions): Rpc {
  const open = () => postgres(options.url, { max: options.max ?? 4, prepare: false, onnotice: () => {} });
  let sql = open();
  const context = contextParams({
    role: options.role ?? 'service_role',
    claims: { ...options.claims },
    headers: options.cogoToken ? { 'x-cogo-token': options.cogoToken } : {},
  });
  let signatures: Signature[] | undefined;
  const find = async (
    pool: postgres.Sql,
    fn: string,
    args: Record<string, unknown>,
  ): Promise<Signature | undefined> => {
    const known = signatures && chooseSignature(signatures, fn, args);
    if (known) return known;
    // Not known yet, or made by a migration since.
    signatures = parseSignatures(
      (await pool.unsafe(SIGNATURES_SQL)) as unknown as { name: string; set: boolean; args: string }[],
    );
    return chooseSignature(signatures, fn, args);
  };
  const giveUp = (pool: postgres.Sql) => {
    if (pool !== sql) return;
    sql = open();
    void pool.end({ timeout: 0 }).catch(() => {});
  };
  return {
    async call<T>(fn: string, args: Record<string, unknown> = {}, opts: { signal?: AbortSignal } = {}) {
      const { signal } = opts;
      const aborted = () => err(cogoError('aborted', `The call of ${fn} was aborted by its caller.`));
      if (signal?.aborted) return aborted();
      const pool = sql;
      let running: postgres.PendingQuery<postgres.Row[]> | undefined;
      const work = async (): Promise<Result<T>> => {
        try {
          const signature = await find(pool, fn, args);
          if (!signature) return unknownFunction(fn, args);
          const call = buildCall(signature, args);
          const rows = await pool.begin(async (tx) => {
            await tx.unsafe(CONTEXT_SQL, context);
            running = tx.unsafe(call.text, call.params);
            return await running;
          });
          return ok(decodeRows(signature, rows as unknown as { value: string | null }[]) as T);
        } catch (error) {
          return err(explainPostgres(error));
        }
      };
      if (!signal) return work();
      let stop = () => {};
      const cut = new Promise<'aborted'>((resolve) => {
        const onAbort = () => resolve('aborted');
        signal.addEventListener('abort', onAbort, { once: true });
        stop = () => signal.removeEventListener('abort', onAbort);
      });
      const answer = work();
      const first = await Promise.race([answer, cut]);
      stop();
      if (first !== 'aborted') return first;
      running?.cancel();
      const late = setTimeout(() => giveUp(pool), GRACE_MS);
      void answer.finally(() => clearTimeout(late));
      return aborted();
    },
    async close() {
      await sql.end({ timeout: 5 });
    },
  };
}

/** The failure of a call that no overload matches. */
export function unknownFunction(fn: string, args: Record<string, unknown>): { ok: false; error: CogoError } {
  return failure(
    'internal',
    `cogo_api.${fn}(${Object.keys(args).join(', ')}) does not exist: the schema is older or newer than this code. Apply the migrations.`,
  );
}

interface ThrownByDriver {
  code?: string;
  message?: string;
  detail?: string;
  hint?: string;
}

/** What a thrown database or connection error means. */
export function explainPostgres(error: unknown): CogoError {
  const thrown = error as ThrownByDriver;
  if (thrown.code === undefined || !/^[0-9A-Z]{5}$/.test(thrown.code)) {
    return cogoError('unavailable', `The database does not answer (${thrown.code ?? thrown.message}).`);
  }
  return errorFromDatabase(thrown);
}
