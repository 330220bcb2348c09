// A gateway over a test database, and a client that speaks the bare wire. For tests only.
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { type RawData, WebSocket } from 'ws';
import postgres from 'postgres';
import { postgresDatabase } from '../database/database.ts';
import { applyShims, readShims } from '../database/shims.ts';
import { openTestDatabase, type TestDatabase } from '../testing.ts';
import { type RealtimeDb, realtimeDb } from './db.ts';
import { attachRealtime, type Realtime, type RealtimeOptions } from './gateway.ts';
import type { Vsn } from './wire.ts';

export const KEYS = { publishable_key: 'sb_publishable_test', secret_key: 'sb_secret_test' };
export const JWT_SECRET = 'a-secret-of-tests-only-and-long-enough';
export const ALICE = '00000000-0000-4000-8000-00000000000a';
export const BOB = '00000000-0000-4000-8000-00000000000b';

export interface TestGateway {
  url: string;
  port: number;
  realtime: Realtime;
  database: TestDatabase;
  /** Moves the gateway's clock, in milliseconds. */
  advance(ms: number): void;
  /** A row of realtime.messages as SQL makes it. */
  send(topic: string, event: string, payload: object, isPrivate?: boolean): Promise<void>;
  close(): Promise<void>;
}

/** Owners of a topic `owner:{sub}…` read and write it; everybody reads `open:…`; nobody else does anything. */
const POLICIES = `
create policy read on realtime.messages for select to anon, authenticated using (
  (select realtime.topic()) like 'open:%' or
  (select realtime.topic()) like 'owner:' || coalesce(auth.uid()::text, '-') || '%');
create policy write on realtime.messages for insert to anon, authenticated with check (
  (select realtime.topic()) like 'owner:' || coalesce(auth.uid()::text, '-') || '%');
`;

export async function openGateway(
  options: Partial<RealtimeOptions> & { wrap?: (db: RealtimeDb) => RealtimeDb } = {},
): Promise<TestGateway> {
  const { wrap = (db: RealtimeDb) => db, ...rest } = options;
  const database = await openTestDatabase({ migrations: false });
  await database.db.exec(POLICIES);
  const server = createServer(
    getRequestListener(
      async (req) => (await realtime.handleHttp(req)) ?? new Response(null, { status: 404 }),
      {
        overrideGlobalObjects: false,
      },
    ),
  );
  let shift = 0;
  const realtime: Realtime = attachRealtime(server, {
    db: wrap(realtimeDb(database.db)),
    jwtSecret: JWT_SECRET,
    keys: KEYS,
    now: () => Date.now() + shift,
    sweepMs: 20,
    ...rest,
  });
  await realtime.ready;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    realtime,
    database,
    advance: (ms) => {
      shift += ms;
    },
    send: async (topic, event, payload, isPrivate = true) => {
      await database.sql('select realtime.send($1::text::jsonb, $2::text, $3::text, $4::boolean)', [
        JSON.stringify(payload),
        event,
        topic,
        isPrivate,
      ]);
    },
    close: async () => {
      await realtime.close();
      server.close();
      server.closeAllConnections();
      await database.close();
    },
  };
}

/** A postgres.js driver on a database of its own with the shims, on the server that COGO_TEST_DB names. */
export async function openPostgresDriver(): Promise<{
  driver: postgres.Sql;
  exec(sql: string): Promise<void>;
  close(): Promise<void>;
}> {
  const server = process.env['COGO_TEST_DB'] ?? '';
  const name = `cogo_realtime_${process.pid}_${++opened}`;
  const admin = postgres(server, { max: 1, onnotice: () => {} });
  await admin.unsafe(`create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  const driver = postgres(url.href, { max: 2, onnotice: () => {} });
  const database = postgresDatabase(driver);
  await applyShims(database, readShims());
  const close = async () => {
    await driver.end({ timeout: 5 });
    await admin.unsafe(`drop database ${name} with (force)`);
    await admin.end();
  };
  return { driver, exec: database.exec, close };
}
let opened = 0;

/** A JWT as the auth server signs it. `ttl` in seconds. */
export function userToken(sub: string, ttl = 3600, secret = JWT_SECRET): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({
    sub,
    role: 'authenticated',
    aud: 'authenticated',
    exp: Math.floor(Date.now() / 1000) + ttl,
  })}`;
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
}

export interface Message {
  joinRef: string | null;
  ref: string | null;
  topic: string;
  event: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came
  payload: any;
}

/** Keeps what came until a test asks for it, so that no message is missed between two waits. */
export class WireClient {
  readonly ws: WebSocket;
  readonly closed: Promise<{ code: number; reason: string }>;
  /** Everything, in order of arrival. */
  readonly all: Message[] = [];
  #unread: Message[] = [];
  #waiters: {
    matches: (message: Message) => boolean;
    resolve: (message: Message) => void;
    reject: (error: Error) => void;
  }[] = [];
  #ref = 0;
  #vsn: Vsn;

  private constructor(ws: WebSocket, vsn: Vsn) {
    this.ws = ws;
    this.#vsn = vsn;
    this.closed = new Promise((resolve) =>
      ws.on('close', (code, reason) => resolve({ code, reason: reason.toString() })),
    );
    ws.on('message', (data, binary) => this.#receive(data, binary));
    ws.on('error', () => {});
    // Whoever waits for what never comes fails when the connection ends, and does not wait on.
    ws.on('close', (code) => {
      for (const { reject } of this.#waiters) reject(new Error(`closed with ${code} while waiting`));
    });
  }

  static async open(
    gateway: Pick<TestGateway, 'port'>,
    o: { vsn?: Vsn; apikey?: string; headers?: Record<string, string> } = {},
  ): Promise<WireClient> {
    const vsn = o.vsn ?? '2.0.0';
    const query = new URLSearchParams({ apikey: o.apikey ?? KEYS.publishable_key, vsn });
    const ws = new WebSocket(`ws://127.0.0.1:${gateway.port}/realtime/v1/websocket?${query}`, {
      headers: o.headers ?? {},
    });
    const client = new WireClient(ws, vsn);
    await new Promise<void>((resolve, reject) => {
      ws.once('open', resolve);
      ws.once('error', reject);
    });
    return client;
  }

  /** The first message, already here or to come, that matches. */
  next(matches: (message: Message) => boolean): Promise<Message> {
    const index = this.#unread.findIndex(matches);
    if (index >= 0) return Promise.resolve(this.#unread.splice(index, 1)[0]!);
    return new Promise((resolve, reject) => this.#waiters.push({ matches, resolve, reject }));
  }

  event(event: string): Promise<Message> {
    return this.next((message) => message.event === event);
  }

  /** Sends and waits for the reply. */
  async push(topic: string, event: string, payload: object, joinRef: string | null = null): Promise<Message> {
    const ref = this.send(topic, event, payload, joinRef);
    return this.next((message) => message.event === 'phx_reply' && message.ref === ref);
  }

  send(topic: string, event: string, payload: object, joinRef: string | null = null): string {
    const ref = String(++this.#ref);
    const join_ref = event === 'phx_join' ? ref : joinRef;
    this.ws.send(
      this.#vsn === '1.0.0'
        ? JSON.stringify({ topic, event, payload, ref, join_ref })
        : JSON.stringify([join_ref, ref, topic, event, payload]),
    );
    return ref;
  }

  join(topic: string, config: object = {}, accessToken?: string): Promise<Message> {
    return this.push(`realtime:${topic}`, 'phx_join', {
      config,
      ...(accessToken ? { access_token: accessToken } : {}),
    });
  }

  async close(): Promise<void> {
    this.ws.close();
    await this.closed;
  }

  #receive(data: RawData, binary: boolean): void {
    const message = binary ? decodeBinary(data as Buffer) : decodeText(String(data), this.#vsn);
    this.all.push(message);
    const index = this.#waiters.findIndex(({ matches }) => matches(message));
    if (index >= 0) this.#waiters.splice(index, 1)[0]!.resolve(message);
    else this.#unread.push(message);
  }
}

/** A binary push as realtime-js sends it: kind 3. */
export function binaryPush(o: {
  joinRef: string;
  ref: string;
  topic: string;
  event: string;
  body: Uint8Array;
  json: boolean;
}): Buffer {
  const names = [o.joinRef, o.ref, o.topic, o.event, ''].map((text) => Buffer.from(text));
  return Buffer.concat([
    Uint8Array.of(3, ...names.map((name) => name.length), o.json ? 1 : 0),
    ...names,
    o.body,
  ]);
}

function decodeText(text: string, vsn: Vsn): Message {
  const value = JSON.parse(text);
  if (vsn === '1.0.0') return { ...value, joinRef: value.join_ref };
  const [joinRef, ref, topic, event, payload] = value;
  return { joinRef, ref, topic, event, payload };
}

function decodeBinary(data: Buffer): Message {
  const [kind, topicSize, eventSize, metaSize, encoding] = data;
  if (kind !== 4) throw new Error(`unexpected binary message of kind ${kind}`);
  let at = 5;
  const take = (size: number) => {
    at += size;
    return data.subarray(at - size, at);
  };
  const topic = take(topicSize!).toString();
  const event = take(eventSize!).toString();
  const meta = take(metaSize!).toString();
  const body = data.subarray(at);
  return {
    joinRef: null,
    ref: null,
    topic,
    event: 'broadcast',
    payload: {
      type: 'broadcast',
      event,
      payload: encoding === 1 ? JSON.parse(body.toString()) : body,
      ...(meta ? { meta: JSON.parse(meta) } : {}),
    },
  };
}
