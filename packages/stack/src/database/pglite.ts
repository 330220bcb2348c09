import { PGlite } from '@electric-sql/pglite';
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm';
import { pgcrypto } from '@electric-sql/pglite/contrib/pgcrypto';
import { pgmq } from '@electric-sql/pglite-pgmq';
import { vector } from '@electric-sql/pglite-pgvector';

/** What the embedded Postgres can `create extension`. */
export const EXTENSIONS = { vector, pgmq, pg_trgm, pgcrypto };

/**
 * How the embedded Postgres starts. 32 MB of buffers instead of 128 leave the process 110 MB smaller, and the operating system
 * caches the files anyway; the search path is Supabase's. PGlite never calls fsync, so a killed process loses nothing that was
 * acknowledged, but a power cut may.
 */
export const START_PARAMS = [
  ...PGlite.defaultStartParams,
  '-c',
  'shared_buffers=32MB',
  '-c',
  'max_wal_size=128MB',
  '-c',
  'search_path="$user",public,extensions',
  // Its timer would outlive a database that could not start, and keep the process from ending.
  '-c',
  'log_startup_progress_interval=0',
];

/** A PGlite with the platform's extensions in memory, from a dump when one is given. */
export async function memoryPglite(dump?: Blob): Promise<PGlite> {
  return (await PGlite.create({
    extensions: EXTENSIONS,
    startParams: START_PARAMS,
    ...(dump ? { loadDataDir: dump } : {}),
  })) as unknown as PGlite;
}
