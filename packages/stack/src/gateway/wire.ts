import type { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { HOST } from '../place/ports.ts';

export interface WireServer {
  port: number;
  close(): Promise<void>;
}

const READY_FOR_QUERY = 0x5a;
const IDLE = 0x49;

/**
 * The Postgres wire port of the embedded database, for one `psql` at a time. PGlite is one session, so the client's transaction
 * (and each of its extended-protocol exchanges) holds PGlite's lock until the server is idle again: nothing of the gateway runs
 * inside it. What a client SETs is reset when it leaves.
 */
export async function startWire(
  pglite: PGlite,
  port: number,
  settings: Record<string, string>,
): Promise<WireServer> {
  const turn = new Turn(pglite);
  const server = new PGLiteSocketServer({
    db: turn as unknown as PGlite,
    port,
    host: HOST,
    maxConnections: 1,
  } as never);
  await server.start();
  const net = (server as unknown as { server: import('node:net').Server }).server;
  net.on('connection', (socket) => {
    socket.once('close', () => void turn.reset(settings));
  });
  return {
    port,
    async close() {
      await server.stop();
      await turn.reset(settings);
    },
  };
}

/** Stands in for PGlite towards the socket server. */
class Turn {
  readonly #pglite: PGlite;
  #release: (() => void) | undefined;
  #status = IDLE;

  constructor(pglite: PGlite) {
    this.#pglite = pglite;
  }

  get waitReady() {
    return this.#pglite.waitReady;
  }

  isInTransaction(): boolean {
    return this.#release !== undefined && this.#pglite.isInTransaction();
  }

  async runExclusive<T>(work: () => Promise<T>): Promise<T> {
    await this.#hold();
    try {
      return await this.#pglite.runExclusive(work);
    } finally {
      if (this.#status === IDLE) this.#letGo();
    }
  }

  async execProtocolRawStream(
    message: Uint8Array,
    options: { onRawData: (data: Uint8Array) => void },
  ): Promise<void> {
    // Not idle until the server says so: a Parse or Bind has no ReadyForQuery of its own.
    this.#status = 0;
    let tail = new Uint8Array(0);
    await this.#pglite.execProtocolRawStream(message, {
      onRawData: (data) => {
        tail = lastBytes(tail, data);
        options.onRawData(data);
      },
    });
    this.#status = tail.length === 6 && tail[0] === READY_FOR_QUERY ? tail[5]! : 0;
  }

  async exec(sql: string): Promise<void> {
    await this.runExclusive(() => this.#raw(sql));
    if (this.#status === IDLE) this.#letGo();
  }

  /** Ends what the client left open and takes back what it set. */
  async reset(settings: Record<string, string>): Promise<void> {
    if (this.#pglite.closed) return;
    if (this.#release) {
      await this.#pglite.runExclusive(() => this.#raw('rollback')).catch(() => {});
      this.#status = IDLE;
      this.#letGo();
    }
    const restore = Object.entries(settings).map(
      ([name, value]) => `set ${name} = '${value.replaceAll("'", "''")}'`,
    );
    for (const statement of ['discard all', ...restore]) await this.#pglite.exec(statement).catch(() => {});
  }

  async #raw(sql: string): Promise<void> {
    const text = Buffer.from(`${sql}\0`);
    const message = Buffer.alloc(5 + text.length);
    message[0] = 0x51;
    message.writeInt32BE(4 + text.length, 1);
    text.copy(message, 5);
    await this.execProtocolRawStream(message, { onRawData: () => {} });
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
  }
}

function lastBytes(tail: Uint8Array, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(tail.length + data.length);
  all.set(tail);
  all.set(data, tail.length);
  return all.slice(-6);
}
