// One call of the Data API at the database: settings that say who calls, then the statement, in one transaction.
import { protocol, type PGlite } from '@electric-sql/pglite';
import { joinBytes } from '@cogo/spec/bytes.ts';
import type { Database } from '../database/database.ts';

/** A statement with parameters `$1`, …, all given as text. */
export interface Statement {
  text: string;
  params: readonly string[];
}

/** Runs both in one transaction; gives the first column of the second one's first row. Errors are the database's, with `code`. */
export type AsCaller = (settings: Statement, call: Statement) => Promise<string | null>;

/** On a pool of sessions: one message. `call` names its column `body`. */
export function callerOnPostgres(db: Database): AsCaller {
  return async (settings, call) => {
    const rows = await db.together<{ body: string | null }>([settings, call]);
    return rows[0]?.body ?? null;
  };
}

/** The inner parts of PGlite that are used here; both locks are what `query` takes. */
interface Inner {
  _runExclusiveTransaction<T>(work: () => Promise<T>): Promise<T>;
  _runExclusiveQuery<T>(work: () => Promise<T>): Promise<T>;
  execProtocolStream(
    message: Uint8Array,
    options?: object,
  ): Promise<{ name: string; fields?: (string | null)[] }[]>;
}

/** More kinds of calls than cogo_api has; a caller that makes up argument sets can not fill the session's memory. */
const MAX_PREPARED = 400;
const NO_SUCH_STATEMENT = '26000';

/**
 * On the embedded Postgres: everything up to one Sync is one transaction (PostgreSQL 18, 54.2.4), so both statements go in as one
 * message instead of begin, two statements of five messages each, and commit. They are prepared once a session; what a client of the
 * wire port dropped (`discard all`: it is the same session) is prepared again.
 */
export function callerOnPglite(pglite: PGlite): AsCaller {
  const inner = pglite as unknown as Inner;
  for (const part of ['_runExclusiveTransaction', '_runExclusiveQuery', 'execProtocolStream'] as const) {
    if (typeof inner[part] !== 'function') throw new Error(`PGlite has no ${part} any more.`);
  }
  const prepared = new Map<string, string>();
  const { serialize } = protocol;
  /** The name of a statement that is prepared, or none for one to be sent whole. */
  const nameOf = async (text: string): Promise<string> => {
    const known = prepared.get(text);
    if (known !== undefined) return known;
    if (prepared.size >= MAX_PREPARED) return '';
    // By itself: a statement stays prepared though the transaction that did it fails.
    const name = `cogo_gateway_${prepared.size}`;
    const close = serialize.close({ type: 'S', name });
    await inner.execProtocolStream(joinBytes([close, serialize.parse({ name, text }), serialize.sync()]));
    prepared.set(text, name);
    return name;
  };
  const run = async (settings: Statement, call: Statement): Promise<string | null> => {
    const parts: Uint8Array[] = [];
    for (const { text, params } of [settings, call]) {
      const name = await nameOf(text);
      if (name === '') parts.push(serialize.parse({ text }));
      parts.push(serialize.bind({ statement: name, values: [...params] }), serialize.execute({}));
    }
    parts.push(serialize.sync());
    const messages = await inner.execProtocolStream(joinBytes(parts));
    const last = messages.findLast((message) => message.name === 'dataRow');
    return last?.fields?.[0] ?? null;
  };
  return (settings, call) =>
    inner._runExclusiveTransaction(() =>
      inner._runExclusiveQuery(async () => {
        try {
          return await run(settings, call);
        } catch (error) {
          if ((error as { code?: unknown }).code !== NO_SUCH_STATEMENT || prepared.size === 0) throw error;
          prepared.clear();
          return await run(settings, call);
        }
      }),
    );
}
