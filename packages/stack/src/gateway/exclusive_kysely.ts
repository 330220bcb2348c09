// The gateway library's own driver for PGlite lets statements of two requests interleave inside one transaction: PGlite is one
// session, so one request would run under the role of another. Here a transaction holds PGlite's own lock until it ends.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { PGlite, Results, Transaction } from '@electric-sql/pglite';
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

/** A Kysely on PGlite whose transactions exclude every other statement. */
export function exclusiveKysely(pg: PGlite): Kysely<unknown> {
  return new Kysely({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new ExclusiveDriver(pg),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
}

class ExclusiveDriver implements Driver {
  readonly #pg: PGlite;

  constructor(pg: PGlite) {
    this.#pg = pg;
  }

  async init() {}

  async acquireConnection(): Promise<ExclusiveConnection> {
    return scopes.getStore()?.open ?? new ExclusiveConnection(this.#pg);
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
  readonly #pg: PGlite;
  #tx: Transaction | undefined;
  #ended: Promise<unknown> | undefined;
  #letGo: (() => void) | undefined;
  #depth = 0;

  constructor(pg: PGlite) {
    this.#pg = pg;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const result = await this.raw<R>(query.sql, query.parameters);
    const { affectedRows } = result;
    return {
      rows: result.rows,
      ...(affectedRows === undefined ? {} : { numAffectedRows: BigInt(affectedRows) }),
    };
  }

  raw<R>(sql: string, parameters: readonly unknown[] = []): Promise<Results<R>> {
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
    if (scope) scope.open = this;
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
