// What the gateway needs of a database, the same over PGlite and a native Postgres.
import { randomUUID } from 'node:crypto';
import type { PGlite } from '@electric-sql/pglite';
import type postgres from 'postgres';
import { type Database, pgliteDatabase, postgresDatabase } from '../database/database.ts';
import type { Identity } from './identity.ts';

export type Extension = 'broadcast' | 'presence';

export interface TopicQuestion {
  /** Without the `realtime:` of the wire. */
  topic: string;
  action: 'read' | 'write';
  extensions: readonly Extension[];
  identity: Identity;
  /** `x-…` headers of the connection, lower case; policies see them as `request.headers`. */
  headers: Record<string, string>;
}

export type Grants = Partial<Record<Extension, boolean>>;

export interface RealtimeDb {
  /** `onReconnect` is called when notifications may have been missed. */
  listen(
    channel: string,
    onNotify: (payload: string) => void,
    onReconnect: () => void,
  ): Promise<() => Promise<void>>;
  query<T = Record<string, unknown>>(text: string, params?: readonly unknown[]): Promise<T[]>;
  /**
   * Asks the policies of `realtime.messages` as the caller, and leaves nothing behind. A policy that fails denies.
   * Throws when the database cannot be asked.
   */
  checkTopic(question: TopicQuestion): Promise<Grants>;
}

/** A `@supabase/lite` connection (or anything with its `driver`), or the stack's own `Database`. */
export type RealtimeConnection = { driver: unknown } | Database;

/** Reads and writes as the owner of `realtime.messages`; `checkTopic` alone takes on the caller's role. */
export function realtimeDb(connection: RealtimeConnection): RealtimeDb {
  if (!('driver' in connection)) return overDatabase(connection, connection.listen);
  const driver = connection.driver as PGlite | postgres.Sql;
  if (typeof driver === 'function') {
    return overDatabase(postgresDatabase(driver), async (channel, onNotify, onReconnect) => {
      let first = true;
      // postgres.js listens on a connection of its own, connects it again by itself and says so.
      const { unlisten } = await driver.listen(channel, onNotify, () => {
        if (!first) onReconnect();
        first = false;
      });
      return unlisten;
    });
  }
  const database = pgliteDatabase(driver);
  return overDatabase(database, database.listen);
}

function overDatabase(database: Database, listen: RealtimeDb['listen']): RealtimeDb {
  return {
    listen,
    query: (text, params) => database.query(text, params),
    checkTopic: async (question) => {
      if (question.identity.role === 'service_role') return allOf(question.extensions, true);
      return question.action === 'read' ? checkRead(database, question) : checkWrite(database, question);
    },
  };
}

/** Carries the answer out of a transaction that is always rolled back. */
class Answer extends Error {
  readonly grants: Grants;

  constructor(grants: Grants) {
    super('rolled back');
    this.grants = grants;
  }
}

// As Supabase Realtime asks: one row for each extension is put on the topic, and the caller may read what it sees of them.
function checkRead(database: Database, question: TopicQuestion): Promise<Grants> {
  const probes = question.extensions.map((extension) => ({ extension, id: randomUUID() }));
  return ask(database, question.extensions, async (tx) => {
    await tx.query(
      `insert into realtime.messages (id, topic, extension)
       select (p ->> 'id')::uuid, $1::text, p ->> 'extension' from jsonb_array_elements($2::text::jsonb) as p`,
      [question.topic, JSON.stringify(probes)],
    );
    await takeOn(tx, question);
    const seen = await tx.query<{ id: string }>(
      `select id::text as id from realtime.messages
       where id in (select (p ->> 'id')::uuid from jsonb_array_elements($1::text::jsonb) as p)`,
      [JSON.stringify(probes)],
    );
    const ids = new Set(seen.map((row) => row.id));
    return Object.fromEntries(probes.map(({ extension, id }) => [extension, ids.has(id)]));
  });
}

// A refused insert ends its transaction, so each extension has one.
async function checkWrite(database: Database, question: TopicQuestion): Promise<Grants> {
  const grants: Grants = {};
  for (const extension of question.extensions) {
    const answer = await ask(database, [extension], async (tx) => {
      await takeOn(tx, question);
      await tx.query('insert into realtime.messages (topic, extension) values ($1::text, $2::text)', [
        question.topic,
        extension,
      ]);
      return { [extension]: true };
    });
    Object.assign(grants, answer);
  }
  return grants;
}

async function ask(
  database: Database,
  extensions: readonly Extension[],
  question: (tx: Database) => Promise<Grants>,
): Promise<Grants> {
  try {
    await database.transaction(async (tx) => {
      throw new Answer(await question(tx));
    });
  } catch (error) {
    if (error instanceof Answer) return error.grants;
    // Postgres answered with an error: a refusal (42501), or a policy that failed. Both deny.
    if (/^[0-9A-Z]{5}$/.test(String((error as { code?: unknown }).code))) return allOf(extensions, false);
    throw error;
  }
  return allOf(extensions, false);
}

async function takeOn(tx: Database, { identity, topic, headers }: TopicQuestion): Promise<void> {
  const sub = identity.claims['sub'];
  await tx.query(
    `select set_config('realtime.topic', $1::text, true), set_config('request.jwt.claims', $2::text, true),
            set_config('request.jwt.claim.sub', $3::text, true), set_config('request.jwt.claim.role', $4::text, true),
            set_config('request.headers', $5::text, true), set_config('role', $4::text, true)`,
    [
      topic,
      JSON.stringify(identity.claims),
      typeof sub === 'string' ? sub : '',
      identity.role,
      JSON.stringify(headers),
    ],
  );
}

function allOf(extensions: readonly Extension[], granted: boolean): Grants {
  return Object.fromEntries(extensions.map((extension) => [extension, granted]));
}
