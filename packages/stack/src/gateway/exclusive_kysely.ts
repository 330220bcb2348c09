// The gateway library's own driver for PGlite lets statements of two requests interleave inside one transaction: PGlite is one
// session, so one request would run under the role of another. Here a transaction holds PGlite's own lock until it ends.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Row } from '../database/database.ts';
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely';

export interface SessionResult<R> {
  rows: R[];
  affectedRows?: number | undefined;
}

/** A transaction of `Sessions`. After `rollback` nothing of it stays, once its body has ended. */
export interface Session {
  query<R>(sql: string, parameters?: unknown[]): Promise<SessionResult<R>>;
  rollback(): Promise<void>;
}

/** What Kysely needs of a database: PGlite as it is, or a pool. */
export interface Sessions {
  query<R>(sql: string, parameters?: unknown[]): Promise<SessionResult<R>>;
  transaction(body: (tx: Session) => Promise<void>): Promise<unknown>;
}

interface Scope {
  open: ExclusiveConnection | undefined;
}

const scopes = new AsyncLocalStorage<Scope>();

/**
 * Runs `work` so that whatever it asks of the same Kysely while its transaction is open joins that transaction, as on the one
 * session there is; otherwise it would wait for itself.
 */
export function inOneSession<T>(work: () => Promise<T>): Promise<T> {
  return scopes.getStore() ? work() : scopes.run({ open: undefined }, work);
}

/**
 * A Kysely on PGlite whose transactions exclude every other statement; or on a pool (`alone` false), where each transaction has a
 * connection of its own.
 */
export function exclusiveKysely(pg: Sessions, alone = true): Kysely<unknown> {
  return new Kysely({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new ExclusiveDriver(pg, alone),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
}

class ExclusiveDriver implements Driver {
  readonly #pg: Sessions;
  readonly #alone: boolean;

  constructor(pg: Sessions, alone: boolean) {
    this.#pg = pg;
    this.#alone = alone;
  }

  async init() {}

  async acquireConnection(): Promise<ExclusiveConnection> {
    return (this.#alone && scopes.getStore()?.open) || new ExclusiveConnection(this.#pg, this.#alone);
  }

  beginTransaction(connection: DatabaseConnection) {
    return (connection as ExclusiveConnection).begin();
  }

  commitTransaction(connection: DatabaseConnection) {
    return (connection as ExclusiveConnection).end('commit');
  }

  rollbackTransaction(connection: DatabaseConnection) {
    return (connection as ExclusiveConnection).end('rollback');
  }

  async savepoint(connection: DatabaseConnection, name: string) {
    await (connection as ExclusiveConnection).raw(`savepoint "${name}"`);
  }

  async rollbackToSavepoint(connection: DatabaseConnection, name: string) {
    await (connection as ExclusiveConnection).raw(`rollback to savepoint "${name}"`);
  }

  async releaseSavepoint(connection: DatabaseConnection, name: string) {
    await (connection as ExclusiveConnection).raw(`release savepoint "${name}"`);
  }

  async releaseConnection() {}

  async destroy() {}
}

class ExclusiveConnection implements DatabaseConnection {
  readonly #pg: Sessions;
  readonly #alone: boolean;
  #tx: Session | undefined;
  #ended: Promise<unknown> | undefined;
  #letGo: (() => void) | undefined;
  #depth = 0;

  constructor(pg: Sessions, alone: boolean) {
    this.#pg = pg;
    this.#alone = alone;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const result = await this.raw<R>(query.sql, query.parameters);
    const { affectedRows } = result;
    return {
      rows: result.rows,
      ...(affectedRows === undefined ? {} : { numAffectedRows: BigInt(affectedRows) }),
    };
  }

  raw<R = Row>(sql: string, parameters: readonly unknown[] = []): Promise<SessionResult<R>> {
    return (this.#tx ?? this.#pg).query<R>(sql, [...parameters]);
  }

  // biome-ignore lint/correctness/useYield: the interface asks for a generator and PGlite has no cursor
  async *streamQuery(): AsyncGenerator<never> {
    throw new Error('PGlite does not stream rows.');
  }

  /** A transaction inside one is a savepoint: there is one session. */
  async begin(): Promise<void> {
    if (this.#tx) {
      this.#depth += 1;
      await this.raw(`savepoint nested_${this.#depth}`);
      return;
    }
    await new Promise<void>((resolve, reject) => {
      this.#ended = this.#pg.transaction((tx) => {
        this.#tx = tx;
        resolve();
        return new Promise<void>((letGo) => {
          this.#letGo = letGo;
        });
      });
      this.#ended.catch(reject);
    });
    const scope = scopes.getStore();
    if (scope && this.#alone) scope.open = this;
  }

  async end(how: 'commit' | 'rollback'): Promise<void> {
    if (!this.#tx) return;
    if (this.#depth > 0) {
      const name = `nested_${this.#depth}`;
      this.#depth -= 1;
      await this.raw(how === 'commit' ? `release savepoint ${name}` : `rollback to savepoint ${name}`);
      return;
    }
    const tx = this.#tx;
    try {
      if (how === 'rollback') await tx.rollback();
    } finally {
      this.#tx = undefined;
      const scope = scopes.getStore();
      if (scope?.open === this) scope.open = undefined;
      this.#letGo?.();
      await this.#ended;
    }
  }
}
