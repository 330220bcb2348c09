import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Database } from './database.ts';

/**
 * Makes pgmq on a server that does not have it. pgmq is SQL only, so the script of the npm package installs it in the schema
 * `pgmq` without files on the server, as pgmq's own "SQL-only installation" does.
 */
export async function installPgmq(db: Database): Promise<void> {
  const [row] = await db.query<{ missing: boolean }>(
    `select to_regnamespace('pgmq') is null
       and not exists (select from pg_catalog.pg_available_extensions where name = 'pgmq') as missing`,
  );
  if (!row?.missing) return;
  const script = readPgmqScript();
  await db.transaction(async (tx) => {
    await tx.exec('create schema pgmq');
    await tx.exec(script);
  });
}

/** The newest full install script (`pgmq--X.Y.Z.sql`) in the package's archive, without what only extensions may say. */
export function readPgmqScript(): string {
  const entry = createRequire(import.meta.url).resolve('@electric-sql/pglite-pgmq');
  const archive = gunzipSync(readFileSync(join(dirname(entry), 'pgmq.tar.gz')));
  let newest: { version: number[]; sql: string } | undefined;
  // A tar is 512-byte blocks: a header with the name at 0 and the size in octal at 124, then the content.
  for (let at = 0; at + 512 <= archive.length; ) {
    const name = archive.toString('utf8', at, at + 100).replace(/\0.*$/s, '');
    const size = Number.parseInt(archive.toString('utf8', at + 124, at + 136), 8) || 0;
    const match = /pgmq--(\d+)\.(\d+)\.(\d+)\.sql$/.exec(name);
    if (match) {
      const version = match.slice(1).map(Number);
      if (!newest || isNewer(version, newest.version)) {
        newest = { version, sql: archive.toString('utf8', at + 512, at + 512 + size) };
      }
    }
    at += 512 + Math.ceil(size / 512) * 512;
  }
  if (!newest) throw new Error('The npm package of pgmq holds no install script.');
  return newest.sql
    .replace(/^\\.*$/gm, '')
    .replace(/SELECT\s+pg_catalog\.pg_extension_config_dump\([^;]*;/gi, '');
}

function isNewer(a: number[], b: number[]): boolean {
  const at = a.findIndex((part, index) => part !== b[index]);
  return at >= 0 && a[at]! > b[at]!;
}
