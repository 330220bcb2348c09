import { createServer, type Server } from 'node:net';

export const DEFAULT_PORTS = { gateway: 54321, db: 54322, studio: 54323, dashboard: 3100 };
export type PortName = keyof typeof DEFAULT_PORTS;

export const HOST = '127.0.0.1';
const TRIED = 50;

export interface PortChoice {
  port: number;
  /** The port that was asked for and is taken. */
  taken?: number;
}

/**
 * The wanted port when it is free on the loopback interface, else the next free one that is not in `reserved`. 0 stays 0: the
 * system chooses.
 */
export async function choosePort(wanted: number, reserved: ReadonlySet<number>): Promise<PortChoice> {
  if (wanted === 0) return { port: await freePort() };
  for (let port = wanted; port < wanted + TRIED && port < 65536; port += 1) {
    if (!reserved.has(port) && (await isFree(port)))
      return port === wanted ? { port } : { port, taken: wanted };
  }
  return { port: await freePort(), taken: wanted };
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await listen(server, port);
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server, 0);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Listens on the loopback interface and answers the port. */
export function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: HOST, port, exclusive: true }, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}
