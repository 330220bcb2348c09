import type { Server, Socket } from 'node:net';
import type { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { backendReader, type Notification } from '../database/backend_messages.ts';
import type { PanicGuard } from '../database/panic_guard.ts';
import { HOST } from '../place/ports.ts';

export interface WireServer {
  port: number;
  close(): Promise<void>;
}

const IDLE = 'I';
/** A client may sit in a transaction this long; everyone else waits for it. */
const STALL_MS = 30_000;

/**
 * The Postgres wire port of the embedded database, for one `psql` at a time. PGlite is one session, so the client's transaction
 * (and each of its extended-protocol exchanges) holds PGlite's lock until the server is idle again: nothing of the gateway runs
 * inside it. What a client SETs is reset when it leaves.
 */
export async function startWire(
  pglite: PGlite,
  guard: PanicGuard,
  port: number,
  settings: Record<string, string>,
): Promise<WireServer> {
  const turn = new Turn(pglite, guard);
  const server = new PGLiteSocketServer({
    db: turn as unknown as PGlite,
    port,
    host: HOST,
    maxConnections: 1,
  } as never);
  await server.start();
  const net = (server as unknown as { server: Server }).server;
  const sockets = new Set<Socket>();
  net.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    turn.onStalled = () => socket.destroy();
    socket.once('close', () => void turn.reset(settings));
  });
  return {
    port,
    async close() {
      // First the clients: the socket server waits for their queries, and one of a stopped database has no end.
      net.close();
      for (const socket of sockets) socket.destroy();
      if (guard.stopped()) return;
      await server.stop();
      await turn.reset(settings);
    },
  };
}

/** Stands in for PGlite towards the socket server. */
class Turn {
  readonly #pglite: PGlite;
  readonly #guard: PanicGuard;
  #release: (() => void) | undefined;
  #status = IDLE;
  #notifications: Notification[] = [];
  #stall: NodeJS.Timeout | undefined;
  onStalled: () => void = () => {};

  constructor(pglite: PGlite, guard: PanicGuard) {
    this.#pglite = pglite;
    this.#guard = guard;
  }

  get waitReady() {
    return this.#pglite.waitReady;
  }

  isInTransaction(): boolean {
    return !this.#guard.stopped() && this.#release !== undefined && this.#pglite.isInTransaction();
  }

  async runExclusive<T>(work: () => Promise<T>): Promise<T> {
    clearTimeout(this.#stall);
    await this.#hold();
    try {
      return await this.#pglite.runExclusive(work);
    } finally {
      if (this.#status === IDLE) this.#letGo();
      else this.#stall = setTimeout(() => this.onStalled(), STALL_MS).unref();
    }
  }

  async execProtocolRawStream(
    message: Uint8Array,
    options: { onRawData: (data: Uint8Array) => void },
  ): Promise<void> {
    // Not idle until the server says so: a Parse or Bind has no ReadyForQuery of its own.
    this.#status = '';
    const read = backendReader({
      ready: (status) => {
        this.#status = status;
      },
      notification: (notification) => this.#notifications.push(notification),
    });
    try {
      await this.#pglite.execProtocolRawStream(message, {
        onRawData: (data) => {
          read(data);
          options.onRawData(data);
        },
      });
    } catch (error) {
      // The socket server stops serving for good when this throws.
      this.#status = IDLE;
      options.onRawData(errorAndReady((error as Error).message));
    }
    if (this.#guard.stopped()) this.#status = IDLE;
  }

  async exec(sql: string): Promise<void> {
    await this.runExclusive(() => this.#raw(sql));
  }

  /** Ends what the client left open and takes back what it set. */
  async reset(settings: Record<string, string>): Promise<void> {
    clearTimeout(this.#stall);
    if (this.#pglite.closed || this.#guard.stopped()) return this.#letGo();
    if (this.#release) {
      await this.#pglite.runExclusive(() => this.#raw('rollback')).catch(() => {});
      this.#status = IDLE;
      this.#letGo();
    }
    // DISCARD ALL would also forget the LISTENs of the gateway, for it is the same session.
    const forget = [
      'reset session authorization',
      'reset all',
      'deallocate all',
      'close all',
      'discard temp',
    ];
    const restore = Object.entries(settings).map(
      ([name, value]) => `set ${name} = '${value.replaceAll("'", "''")}'`,
    );
    for (const statement of [...forget, ...restore]) await this.#pglite.exec(statement).catch(() => {});
  }

  async #raw(sql: string): Promise<void> {
    await this.execProtocolRawStream(frame('Q', `${sql}\0`), { onRawData: () => {} });
  }

  async #hold(): Promise<void> {
    if (this.#release) return;
    await new Promise<void>((held, failed) => {
      this.#pglite
        ._runExclusiveTransaction(
          () =>
            new Promise<void>((done) => {
              this.#release = done;
              held();
            }),
        )
        .catch(failed);
    });
  }

  #letGo(): void {
    this.#release?.();
    this.#release = undefined;
    // What the client's statements notified went to the client alone; the gateway's listeners hear it this way.
    for (const { channel, payload } of this.#notifications.splice(0)) {
      void this.#pglite.query('select pg_notify($1, $2)', [channel, payload]).catch(() => {});
    }
  }
}

function frame(type: string, body: string): Buffer {
  const text = Buffer.from(body);
  const head = Buffer.alloc(5);
  head.write(type, 0);
  head.writeInt32BE(4 + text.length, 1);
  return Buffer.concat([head, text]);
}

function errorAndReady(message: string): Buffer {
  return Buffer.concat([
    frame('E', `SERROR\0CXX000\0M${message.replaceAll('\0', '')}\0\0`),
    frame('Z', IDLE),
  ]);
}
