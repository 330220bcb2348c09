import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Keys } from '@cogo/client/stack_file.ts';
import { cogoError, type CogoError } from '@cogo/spec/errors.ts';
import { err, failure, ok, type Result } from '@cogo/spec/result.ts';
import type { Database } from '../database/database.ts';
import { installPgmq } from '../database/install_pgmq.ts';
import { applyMigrations, readMigrations } from '../database/migrations.ts';
import { applyShims, readShims, shimsFingerprint } from '../database/shims.ts';
import { explainFolder, explainOwnPostgres } from './explain_failure.ts';
import { createGatewayApp, type GatewayApp } from '../gateway/app.ts';
import { type GatewayConnection, openEmbedded, openOwn } from '../gateway/open_connection.ts';

export interface OpenOptions {
  dataDir: string;
  root: string;
  keys: Keys;
  gatewayUrl: string;
  dbUrl: string | undefined;
  /** Runs a step and reports how long it took. */
  step: <T>(name: string, work: () => Promise<T>) => Promise<T>;
}

export interface OpenedDatabase {
  connection: GatewayConnection;
  app: GatewayApp;
  /** Migrations that were applied now. */
  applied: string[];
}

/** Settings the stack makes in its own sessions. */
export function sessionSettings(keys: Keys): Record<string, string> {
  return { 'cogo.kek': keys.kek };
}

/** Opens the database of a place and brings it to the schema of this code. What fails is closed again. */
export async function openDatabase(o: OpenOptions): Promise<Result<OpenedDatabase>> {
  let connection: GatewayConnection | undefined;
  try {
    const opened = await o.step('database', () => open(o));
    connection = opened;
    const app = createGatewayApp({
      connection: opened,
      keys: o.keys,
      gatewayUrl: o.gatewayUrl,
      storageFolder: join(o.dataDir, 'storage'),
      mailFolder: join(o.dataDir, 'mail'),
    });
    await o.step('platform', () => preparePlatform(opened.db, app));
    const migrated = await o.step('migrations', () =>
      applyMigrations(opened.db, readMigrations(join(o.root, 'supabase/migrations'))),
    );
    if (!migrated.ok) {
      await opened.close();
      return migrated;
    }
    await o.step('schema cache', () => opened.refreshSchema());
    return ok({ connection: opened, app, applied: migrated.value.applied });
  } catch (error) {
    await connection?.close().catch(() => {});
    return err(explainOpenFailure(error, o));
  }
}

async function open(o: OpenOptions): Promise<GatewayConnection> {
  const settings = sessionSettings(o.keys);
  if (o.dbUrl) return openOwn(o.dbUrl, settings);
  mkdirSync(join(o.dataDir, 'pg'), { recursive: true, mode: 0o700 });
  const connection = await openEmbedded(join(o.dataDir, 'pg'));
  for (const [name, value] of Object.entries(settings)) {
    await connection.db.query('select set_config($1::text, $2::text, false)', [name, value]);
  }
  return connection;
}

const MARK = `
create schema if not exists supabase_migrations;
create table if not exists supabase_migrations.cogo_platform (fingerprint text primary key, applied_at timestamptz not null default now())`;

/** Auth, storage and the shims, unless this very set was applied before. */
async function preparePlatform(db: Database, app: GatewayApp): Promise<void> {
  const shims = readShims();
  const fingerprint = shimsFingerprint(shims, GATEWAY_LIBRARY);
  await db.exec(MARK);
  const present = await db.query(
    'select 1 from supabase_migrations.cogo_platform where fingerprint = $1::text',
    [fingerprint],
  );
  if (present.length > 0) return app.init();
  await app.prepare();
  await installPgmq(db);
  await applyShims(db, shims);
  await db.query('insert into supabase_migrations.cogo_platform (fingerprint) values ($1::text)', [
    fingerprint,
  ]);
}

// Its tables of auth and storage change with its version.
const GATEWAY_LIBRARY = '@supabase/lite 0.10.0';

function explainOpenFailure(error: unknown, o: OpenOptions): CogoError {
  const folder = explainFolder(error, o.dataDir);
  if (folder) return folder;
  if (o.dbUrl) return explainOwnPostgres(error, o.dbUrl);
  const { code, message } = error as { code?: string; message?: string };
  return cogoError(
    'internal',
    `The embedded database in ${join(o.dataDir, 'pg')} could not be opened: ${message ?? String(error)}. ` +
      'If it stays so, move the folder away and start again, or drop all data with: cogo reset',
    { ...(code ? { sqlstate: code } : {}) },
  );
}

/** `--db` as given, or why it is none. */
export function checkDbUrl(url: string): Result<string> {
  try {
    const { protocol } = new URL(url);
    if (protocol === 'postgres:' || protocol === 'postgresql:') return ok(url);
  } catch {
    // said below
  }
  return failure('bad_request', 'The database must be given as postgres://user:password@host:port/name.');
}
