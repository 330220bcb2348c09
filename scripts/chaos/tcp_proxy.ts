import { createServer, type Server, type Socket, connect } from 'node:net';

/** A TCP proxy that can go deaf: connections stay open and nothing gets through, as when a network is gone without a word. */
export class TcpProxy {
  readonly #server: Server;
  readonly #pairs = new Set<[Socket, Socket]>();
  readonly #sockets = new Set<Socket>();
  deaf = false;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(host: string, port: number): Promise<TcpProxy> {
    const server = createServer();
    const proxy = new TcpProxy(server);
    server.on('connection', (near) => {
      proxy.#sockets.add(near);
      if (proxy.deaf) {
        near.on('error', () => {});
        return;
      }
      const far = connect(port, host);
      proxy.#sockets.add(far);
      const pair: [Socket, Socket] = [near, far];
      proxy.#pairs.add(pair);
      near.on('data', (chunk) => proxy.#open(pair) && far.write(chunk));
      far.on('data', (chunk) => proxy.#open(pair) && near.write(chunk));
      for (const [one, other] of [pair, [far, near]] as const) {
        one.on('error', () => {});
        one.on('close', () => {
          if (proxy.#open(pair)) other.destroy();
        });
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** From now on nothing that is open carries anything, for ever; after `heal` new connections do. */
  goDeaf(): void {
    this.deaf = true;
    this.#pairs.clear();
  }

  heal(): void {
    this.deaf = false;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    this.#server.unref();
  }

  #open(pair: [Socket, Socket]): boolean {
    return this.#pairs.has(pair);
  }
}
