// A database for tests of SQL and of what stands on it.
import { openScratchDatabase, type ScratchDatabase } from './database/scratch.ts';

export { databaseRpc } from './database/scratch.ts';
export type TestDatabase = ScratchDatabase;

/**
 * A fresh database with shims and migrations: PGlite in memory, or with `COGO_TEST_DB=postgres://…` a new database on that
 * server, dropped by `close`. `migrations: false` leaves the migrations out.
 */
export async function openTestDatabase(options: { migrations?: boolean } = {}): Promise<TestDatabase> {
  return await openScratchDatabase({ ...options, server: process.env['COGO_TEST_DB'] });
}
