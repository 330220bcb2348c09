import { randomBytes } from 'node:crypto';
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

/** Milliseconds a statement has to end that was aborted, or whose connection may have closed, before its connections are given up. */
const GRACE_MS = 1000;

/** Seconds a new connection may take. */
const CONNECT_S = 5;

/**
 * `cogo_api` straight over a native Postgres, for servers next to it. Works behind a transaction pooler.
 *
 * Calls one after the other all go over the same connection: the driver takes the connections of a pool in turn, and each session has
 * plans of its own to make and to keep in the processor's caches (a turn of a worker cost a third more over four).
 *
 * A call that is aborted answers at once. The driver can lose a statement for ever when its backend is terminated at the wrong moment,
 * or when the network goes without a word: where a statement does not end after that, the pool it runs in is replaced, and what is
 * lost in it answers `unavailable`.
 */
export function postgresRpc(options: PostgresOptions): Rpc {
  const open = (max: number): Pool => {
    const calls = new Set<() => void>();
    const sql = postgres(options.url, {
      max,
      // the driver waits half a minute for a server that took the connection and says nothing, with every call behind it
      connect_timeout: CONNECT_S,
      prepare: false,
      // parameters are text with casts; and a connection that closes during this look-up would lose the call it was opened for
      fetch_types: false,
      onnotice: () => {},
      onclose: () => {
        const suspects = [...calls];
        if (suspects.length === 0) return;
        setTimeout(() => {
          const lost = suspects.filter((end) => calls.has(end));
          for (const end of lost) end();
          if (lost.length > 0) giveUp(pool);
        }, GRACE_MS).unref();
      },
    });
    const pool: Pool = { sql, max, calls, busy: 0 };
    return pool;
  };
  const max = options.max ?? 4;
  const pools = max > 1 ? [open(1), open(max - 1)] : [open(1)];
  const context = contextParams({
    role: options.role ?? 'service_role',
    claims: { ...options.claims },
    headers: options.cogoToken ? { 'x-cogo-token': options.cogoToken } : {},
  });
  let signatures: Signature[] | undefined;
  const find = async (
    pool: Pool,
    fn: string,
    args: Record<string, unknown>,
  ): Promise<Signature | undefined> => {
    const known = signatures && chooseSignature(signatures, fn, args);
    if (known) return known;
    // Not known yet, or made by a migration since.
    signatures = parseSignatures(
      (await pool.sql.unsafe(SIGNATURES_SQL)) as unknown as { name: string; set: boolean; args: string }[],
    );
    return chooseSignature(signatures, fn, args);
  };
  function giveUp(pool: Pool): void {
    const at = pools.indexOf(pool);
    if (at < 0) return;
    pools[at] = open(pool.max);
    // calls on its other connections may still end well
    void pool.sql.end({ timeout: 1 }).catch(() => {});
  }
  return {
    async call<T>(fn: string, args: Record<string, unknown> = {}, opts: { signal?: AbortSignal } = {}) {
      const { signal } = opts;
      const aborted = () => err(cogoError('aborted', `The call of ${fn} was aborted by its caller.`));
      if (signal?.aborted) return aborted();
      const pool = pools.find(({ busy, max }) => busy < max) ?? pools.at(-1)!;
      pool.busy++;
      let running: Statements | undefined;
      const work = async (): Promise<Result<T>> => {
        try {
          const signature = await find(pool, fn, args);
          if (!signature) return unknownFunction(fn, args);
          const call = buildCall(signature, args);
          const text = `${inline(CONTEXT_SQL, context)};\n${inline(call.text, call.params)}`;
          running = pool.sql.unsafe(text) as unknown as Statements;
          const answers = await running;
          return ok(decodeRows(signature, answers.at(-1)!) as T);
        } catch (error) {
          return err(explainPostgres(error));
        } finally {
          pool.busy--;
        }
      };
      let cutOff: (how: 'aborted' | 'lost') => void = () => {};
      const cut = new Promise<'aborted' | 'lost'>((resolve) => {
        cutOff = resolve;
      });
      const onAbort = () => cutOff('aborted');
      const onLoss = () => cutOff('lost');
      signal?.addEventListener('abort', onAbort, { once: true });
      pool.calls.add(onLoss);
      const answer = work();
      const first = await Promise.race([answer, cut]);
      signal?.removeEventListener('abort', onAbort);
      pool.calls.delete(onLoss);
      if (first === 'lost') {
        return err(cogoError('unavailable', 'The database does not answer (its connection closed).'));
      }
      if (first !== 'aborted') return first;
      running?.cancel();
      const late = setTimeout(() => giveUp(pool), GRACE_MS);
      void answer.finally(() => clearTimeout(late));
      return aborted();
    },
    async close() {
      await Promise.all(pools.map(({ sql }) => sql.end({ timeout: 5 })));
    },
  };
}

interface Pool {
  sql: postgres.Sql;
  /** Connections. */
  max: number;
  /** Calls under way, and how to end each. */
  calls: Set<() => void>;
  /** Calls whose statement has not ended, also those whose caller no longer waits. */
  busy: number;
}

/** Several statements in a message: an answer each. */
type Statements = Promise<{ value: string | null }[][]> & { cancel(): void };

/** Not to be guessed. One for the process, for the look at the value is what makes it safe: a new one for each took 0.1 ms a call. */
const TAG = `q${randomBytes(8).toString('hex')}`;

/**
 * A statement with its parameters in it, so that a call is one message and one implicit transaction: a round trip instead of four, and
 * no moment between two statements at which the connection may close, which the driver survives neither in `begin` nor in `reserve`
 * (3.4.9 writes the rollback to the socket that is gone). Dollar quotes with a tag that the value does not hold need no escaping.
 */
export function inline(text: string, params: readonly (string | null)[]): string {
  return text.replace(/\$(\d+)/g, (_, n: string) => {
    const value = params[Number(n) - 1];
    if (value === undefined || value === null) return 'null';
    let tag = `$${TAG}$`;
    // Also where the value ends like the tag begins: then the tag would be found one earlier.
    for (let i = 0; `${value}${tag}`.indexOf(tag) < value.length; i++) tag = `$${TAG}_${i}$`;
    return `${tag}${value}${tag}`;
  });
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
