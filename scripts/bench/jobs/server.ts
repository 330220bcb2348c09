import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';

const POSTGRES17 = fileURLToPath(new URL('../../postgres17', import.meta.url));

/** The native Postgres under test: that of COGO_TEST_DB, else the one of scripts/postgres17, stopped again if it did not run. */
export interface Server {
  url: string;
  version: string;
  synchronousCommit: string;
  /** How many sessions it takes. */
  connections: number;
  /** A new empty database, dropped by `close`. Answers its URL. */
  database(label: string): Promise<string>;
  /** Gives every run the same start: nobody pays for the dirty pages of the one before. */
  checkpoint(): Promise<void>;
  close(): Promise<void>;
}

export async function openServer(): Promise<Server> {
  const given = process.env['COGO_TEST_DB'];
  const ran = given !== undefined || status('url') !== null;
  const url = given ?? status('start');
  if (!url) throw new Error('There is no native Postgres: set COGO_TEST_DB or run scripts/postgres17 start');
  const admin = postgres(url, { max: 1, onnotice: () => {} });
  const names: string[] = [];
  const [row] = await admin<{ version: string; sync: string; connections: number }[]>`
    select current_setting('server_version') as version, current_setting('synchronous_commit') as sync,
           current_setting('max_connections')::int as connections`;
  return {
    url,
    version: row!.version,
    synchronousCommit: row!.sync,
    connections: row!.connections,
    async database(label) {
      const name = `bench_${label}_${randomBytes(4).toString('hex')}`;
      await admin.unsafe(`create database ${name}`);
      names.push(name);
      const made = new URL(url);
      made.pathname = `/${name}`;
      return made.href;
    },
    async checkpoint() {
      await admin.unsafe('checkpoint');
    },
    async close() {
      for (const name of names) await admin.unsafe(`drop database if exists ${name} with (force)`);
      await admin.end();
      if (!ran) status('stop');
    },
  };
}

/** The one line the script prints, null when it refuses. */
function status(command: 'start' | 'stop' | 'url'): string | null {
  try {
    return execFileSync(POSTGRES17, [command], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', command === 'start' ? 'inherit' : 'ignore'],
    }).trim();
  } catch {
    return null;
  }
}
