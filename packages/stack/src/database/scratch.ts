// A database that lives as long as its user: for tests, and for evaluations that index a corpus and throw it away.
// The platform shims and the migrations, nothing else.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';
import { CONTEXT_SQL, contextParams, type RequestContext } from '@cogo/client/request_context.ts';
import { explainPostgres, unknownFunction } from '@cogo/client/postgres_rpc.ts';
import type { Rpc } from '@cogo/client/rpc.ts';
import {
  buildCall,
  chooseSignature,
  decodeRows,
  parseSignatures,
  SIGNATURES_SQL,
} from '@cogo/client/sql_call.ts';
import { err, ok } from '@cogo/spec/result.ts';
import { type Database, pgliteDatabase, postgresDatabase, type Row } from './database.ts';
import { applyMigrations, type MigrationFile, readMigrations } from './migrations.ts';
import { memoryPglite } from './pglite.ts';
import { applyShims, readShims, shimsFingerprint, type ShimFile } from './shims.ts';

export interface ScratchDatabase {
  kind: 'pglite' | 'postgres';
  /** As the superuser, outside any request. Parameters are `$1`, …. */
  sql<T = Row>(text: string, params?: readonly unknown[]): Promise<T[]>;
  /** `cogo_api` as a role of the Data API, one transaction a call. */
  rpc(role: RequestContext['role'], claims?: Record<string, unknown>, headers?: Record<string, string>): Rpc;
  db: Database;
  close(): Promise<void>;
}

const MIGRATIONS = fileURLToPath(new URL('../../../../supabase/migrations', import.meta.url));
const CACHE = fileURLToPath(new URL('../../../../node_modules/.cache/cogo', import.meta.url));

/**
 * A fresh database with shims and migrations: PGlite in memory, or with `server` (`postgres://…`) a new database on that
 * server, dropped by `close`. `migrations: false` leaves the migrations out.
 */
export async function openScratchDatabase(
  options: { migrations?: boolean; server?: string | undefined } = {},
): Promise<ScratchDatabase> {
  const migrations = options.migrations === false ? [] : readMigrations(MIGRATIONS);
  return options.server ? openPostgres(options.server, migrations) : openPglite(migrations);
}

async function openPglite(migrations: MigrationFile[]): Promise<ScratchDatabase> {
  const shims = readShims();
  const salt = `${process.version} ${migrations.map((m) => `${m.file}\n${m.sql}`).join('\n')}`;
  // initdb takes seconds; a dump of the finished database takes a fraction of one.
  const dump = join(CACHE, `scratch-${shimsFingerprint(shims, salt)}.tar.gz`);
  if (existsSync(dump)) {
    const pg = await memoryPglite(new Blob([readFileSync(dump)]));
    return testDatabase(pgliteDatabase(pg), () => pg.close());
  }
  const pg = await memoryPglite();
  const db = pgliteDatabase(pg);
  await prepare(db, shims, migrations);
  mkdirSync(dirname(dump), { recursive: true });
  const unfinished = `${dump}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const tar = await pg.dumpDataDir('gzip');
  writeFileSync(unfinished, Buffer.from(await tar.arrayBuffer()));
  renameSync(unfinished, dump);
  return testDatabase(db, () => pg.close());
}

async function openPostgres(server: string, migrations: MigrationFile[]): Promise<ScratchDatabase> {
  const admin = postgres(server, { max: 1, onnotice: () => {} });
  const name = `cogo_scratch_${randomBytes(6).toString('hex')}`;
  await admin.unsafe(`create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  const sql = postgres(url.href, { max: 4, onnotice: () => {} });
  const db = postgresDatabase(sql);
  const close = async () => {
    await sql.end({ timeout: 5 });
    await admin.unsafe(`drop database if exists ${name} with (force)`);
    await admin.end();
  };
  try {
    await prepare(db, readShims(), migrations);
  } catch (error) {
    await close();
    throw error;
  }
  return testDatabase(db, close);
}

async function prepare(db: Database, shims: ShimFile[], migrations: MigrationFile[]): Promise<void> {
  await applyShims(db, shims);
  const report = await applyMigrations(db, migrations);
  if (!report.ok) throw new Error(report.error.message);
}

function testDatabase(db: Database, close: () => Promise<void>): ScratchDatabase {
  return {
    kind: db.kind,
    db,
    sql: (text, params) => db.query(text, params),
    rpc: (role, claims, headers) =>
      databaseRpc(db, { role, ...(claims ? { claims } : {}), ...(headers ? { headers } : {}) }),
    close,
  };
}

/** `cogo_api` in process, with the settings a gateway would make. */
export function databaseRpc(db: Database, context: RequestContext): Rpc {
  const settings = contextParams(context);
  let known: ReturnType<typeof parseSignatures> | undefined;
  return {
    async call<T>(fn: string, args: Record<string, unknown> = {}) {
      try {
        let signature = known && chooseSignature(known, fn, args);
        if (!signature) {
          known = parseSignatures(await db.query(SIGNATURES_SQL));
          signature = chooseSignature(known, fn, args);
        }
        if (!signature) return unknownFunction(fn, args);
        const call = buildCall(signature, args);
        const rows = await db.transaction(async (tx) => {
          await tx.query(CONTEXT_SQL, settings);
          return tx.query<{ value: string | null }>(call.text, call.params);
        });
        return ok(decodeRows(signature, rows) as T);
      } catch (error) {
        return err(explainPostgres(error));
      }
    },
    async close() {},
  };
}
