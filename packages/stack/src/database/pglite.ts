import { PGlite } from '@electric-sql/pglite';
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm';
import { pgcrypto } from '@electric-sql/pglite/contrib/pgcrypto';
import { pgmq } from '@electric-sql/pglite-pgmq';
import { vector } from '@electric-sql/pglite-pgvector';

/** What the embedded Postgres can `create extension`. */
export const EXTENSIONS = { vector, pgmq, pg_trgm, pgcrypto };

/** A PGlite with the platform's extensions in memory, from a dump when one is given. */
export async function memoryPglite(dump?: Blob): Promise<PGlite> {
  return (await PGlite.create({
    extensions: EXTENSIONS,
    ...(dump ? { loadDataDir: dump } : {}),
  })) as unknown as PGlite;
}
