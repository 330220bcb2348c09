import type { PGlite, Transaction } from '@electric-sql/pglite';
import type postgres from 'postgres';
import { inline } from '@cogo/client/postgres_rpc.ts';
import { guardedBegin } from './guarded_begin.ts';

export type Row = Record<string, unknown>;

export interface Statement {
  text: string;
  params: readonly (string | null)[];
}

/** What the stack needs of a database, the same over PGlite and a native Postgres. Errors are the driver's, with `code`. */
export interface Database {
  kind: 'pglite' | 'postgres';
  /** One statement; parameters are `$1`, … and best cast in SQL. */
  query<T = Row>(text: string, params?: readonly unknown[]): Promise<T[]>;
  /** Several statements without parameters, outside a transaction of their own. */
  exec(script: string): Promise<void>;
  /**
   * Statements in one transaction; answers the rows of the last. On a native Postgres they are one message: one round trip, and no
   * moment between two of them at which the connection may close. Parameters are text.
   */
  together<T = Row>(statements: readonly Statement[]): Promise<T[]>;
  /** Serialised with everything else on PGlite. Nothing inside `work` may use the outer database. */
  transaction<T>(work: (tx: Database) => Promise<T>): Promise<T>;
  /** Calls back on `NOTIFY channel`; answers how to stop. */
  listen(channel: string, onNotify: (payload: string) => void): Promise<() => Promise<void>>;
}

/** The database view of a PGlite instance; the caller closes the instance. */
export function pgliteDatabase(pg: PGlite): Database {
  return {
    ...overPglite(pg),
    together: (statements) => pg.transaction((tx) => oneByOne(overPglite(tx), statements)) as Promise<never>,
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
    together: (statements) => oneByOne(overPglite(tx), statements),
    transaction: async (work) => work(insidePglite(tx)),
    listen: refuseListen,
  };
}

/** The database view of a postgres.js pool; the caller ends the pool. */
export function postgresDatabase(sql: postgres.Sql): Database {
  return {
    ...overPostgres(sql),
    together: async <T>(statements: readonly Statement[]) => {
      const text = statements.map((one) => inline(one.text, one.params)).join(';\n');
      const answers = (await sql.unsafe(text)) as unknown as T[][];
      // of one statement postgres.js gives the rows, of several the rows of each
      return [...(statements.length === 1 ? (answers as unknown as T[]) : answers.at(-1)!)];
    },
    transaction: (work) => transactionOf(sql, work),
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
    together: (statements) => oneByOne(overPostgres(tx), statements),
    transaction: (work) => tx.savepoint((inner) => work(insidePostgres(inner))) as Promise<never>,
    listen: refuseListen,
  };
}

async function oneByOne<T>(db: Pick<Database, 'query'>, statements: readonly Statement[]): Promise<T[]> {
  let rows: T[] = [];
  for (const { text, params } of statements) rows = await db.query<T>(text, params);
  return rows;
}

async function transactionOf<T>(sql: postgres.Sql, work: (tx: Database) => Promise<T>): Promise<T> {
  return guardedBegin(sql, (tx, check) => {
    const inner = insidePostgres(tx);
    const live = () => {
      check();
      return inner;
    };
    const guarded: Database = {
      ...inner,
      query: async (text, params) => live().query(text, params),
      exec: async (script) => live().exec(script),
      together: async (statements) => live().together(statements),
      transaction: async (part) => live().transaction(part),
    };
    return work(guarded);
  });
}

function refuseListen(): never {
  throw new Error('LISTEN needs the database itself, not a transaction.');
}
