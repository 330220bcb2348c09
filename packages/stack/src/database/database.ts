import type { PGlite, Transaction } from '@electric-sql/pglite';
import type postgres from 'postgres';

export type Row = Record<string, unknown>;

/** What the stack needs of a database, the same over PGlite and a native Postgres. Errors are the driver's, with `code`. */
export interface Database {
  kind: 'pglite' | 'postgres';
  /** One statement; parameters are `$1`, … and best cast in SQL. */
  query<T = Row>(text: string, params?: readonly unknown[]): Promise<T[]>;
  /** Several statements without parameters, outside a transaction of their own. */
  exec(script: string): Promise<void>;
  /** Serialised with everything else on PGlite. Nothing inside `work` may use the outer database. */
  transaction<T>(work: (tx: Database) => Promise<T>): Promise<T>;
  /** Calls back on `NOTIFY channel`; answers how to stop. */
  listen(channel: string, onNotify: (payload: string) => void): Promise<() => Promise<void>>;
}

/** The database view of a PGlite instance; the caller closes the instance. */
export function pgliteDatabase(pg: PGlite): Database {
  return {
    ...overPglite(pg),
    transaction: (work) => pg.transaction((tx) => work(insidePglite(tx))) as Promise<never>,
    listen: async (channel, onNotify) => {
      const stop = await pg.listen(channel, onNotify);
      return () => stop();
    },
  };
}

function overPglite(pg: PGlite | Transaction): Pick<Database, 'kind' | 'query' | 'exec'> {
  return {
    kind: 'pglite',
    query: async <T>(text: string, params?: readonly unknown[]) =>
      (await pg.query(text, params as unknown[] | undefined)).rows as T[],
    exec: async (script) => {
      await pg.exec(script);
    },
  };
}

function insidePglite(tx: Transaction): Database {
  return {
    ...overPglite(tx),
    transaction: async (work) => work(insidePglite(tx)),
    listen: refuseListen,
  };
}

/** The database view of a postgres.js pool; the caller ends the pool. */
export function postgresDatabase(sql: postgres.Sql): Database {
  return {
    ...overPostgres(sql),
    transaction: (work) => sql.begin((tx) => work(insidePostgres(tx))) as Promise<never>,
    listen: async (channel, onNotify) => {
      const { unlisten } = await sql.listen(channel, onNotify);
      return unlisten;
    },
  };
}

function overPostgres(
  sql: postgres.Sql | postgres.TransactionSql,
): Pick<Database, 'kind' | 'query' | 'exec'> {
  return {
    kind: 'postgres',
    query: async <T>(text: string, params?: readonly unknown[]) =>
      [...(await sql.unsafe(text, params as never[] | undefined))] as unknown as T[],
    exec: async (script) => {
      await sql.unsafe(script).simple();
    },
  };
}

function insidePostgres(tx: postgres.TransactionSql): Database {
  return {
    ...overPostgres(tx),
    transaction: (work) => tx.savepoint((inner) => work(insidePostgres(inner))) as Promise<never>,
    listen: refuseListen,
  };
}

function refuseListen(): never {
  throw new Error('LISTEN needs the database itself, not a transaction.');
}
