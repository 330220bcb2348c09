import { createPgliteConnection, type PgliteConnection } from '@supabase/lite/pglite';
import { createPostgresConnection, type PostgresConnection } from '@supabase/lite/postgres';
import { type Database, pgliteDatabase, postgresDatabase } from '../database/database.ts';
import { guardAgainstPanic, type PanicGuard } from '../database/panic_guard.ts';
import { EXTENSIONS, START_PARAMS } from '../database/pglite.ts';
import { exclusiveKysely } from './exclusive_kysely.ts';
import { type AsCaller, callerOnPglite, callerOnPostgres } from './as_caller.ts';
import { hardenConnection } from './harden.ts';
import type { PGlite } from '@electric-sql/pglite';
import type { Sql } from 'postgres';

/** The one database connection of a gateway: as the library sees it, and as the rest of the stack does. */
export interface GatewayConnection {
  library: PgliteConnection | PostgresConnection;
  db: Database;
  asCaller: AsCaller;
  /** The embedded Postgres, absent on an own one. */
  pglite: PGlite | undefined;
  guard: PanicGuard | undefined;
  /** Makes the library see functions and tables that were created since. */
  refreshSchema(): Promise<void>;
  /** Grows with each refreshSchema: what was read from the catalog before is old. */
  schemaVersion(): number;
  close(): Promise<void>;
}

/** Opens the embedded Postgres in a folder (made by it; its parent must exist) or in memory. */
export async function openEmbedded(folder: string | undefined): Promise<GatewayConnection> {
  const library = await createPgliteConnection({
    // A plain path: the library would make a folder named "file:" out of a URL with one slash.
    ...(folder ? { url: folder } : {}),
    pgliteOptions: { extensions: EXTENSIONS, startParams: START_PARAMS },
  });
  const pglite = library.driver as unknown as PGlite;
  await pglite.waitReady;
  const guard = guardAgainstPanic(pglite);
  library.kysely = exclusiveKysely(pglite) as typeof library.kysely;
  hardenConnection(library);
  return {
    library,
    db: pgliteDatabase(pglite),
    asCaller: callerOnPglite(pglite),
    pglite,
    guard,
    ...schemaOf(library),
    // A database that stopped must not be asked anything more, not even to close.
    close: async () => {
      if (!guard.stopped()) await library.close();
    },
  };
}

/** Connects to a Postgres of the user's; `settings` are made in each session. */
export async function openOwn(url: string, settings: Record<string, string>): Promise<GatewayConnection> {
  const library = createPostgresConnection({
    url,
    postgresOptions: {
      max: 8,
      onnotice: () => {},
      connection: settings as never,
      // The library hands over JSON as text already; postgres.js would quote it once more.
      types: { json: jsonAsText(114), jsonb: jsonAsText(3802) } as never,
    },
  });
  hardenConnection(library);
  const sql = library.driver as unknown as Sql;
  try {
    await sql`select 1`;
  } catch (error) {
    await library.close();
    throw error;
  }
  const db = postgresDatabase(sql);
  return {
    library,
    db,
    asCaller: callerOnPostgres(db),
    pglite: undefined,
    guard: undefined,
    ...schemaOf(library),
    close: () => sql.end({ timeout: 5 }),
  };
}

function jsonAsText(oid: number) {
  return {
    to: oid,
    from: [oid],
    serialize: (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value)),
    parse: (text: string) => JSON.parse(text) as unknown,
  };
}

function schemaOf(
  library: PgliteConnection | PostgresConnection,
): Pick<GatewayConnection, 'refreshSchema' | 'schemaVersion'> {
  let version = 0;
  return {
    schemaVersion: () => version,
    async refreshSchema() {
      version += 1;
      await library.clearSchemaCache();
      await library.introspect({ useCache: false });
    },
  };
}
