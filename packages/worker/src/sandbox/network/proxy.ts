import { lookup as systemLookup } from 'node:dns/promises';
import {
  createServer,
  request,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http';
import { connect, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { isPublic, listed, readTarget, type Target } from './allow_list.ts';

export interface ProxyOptions {
  /** Unix socket to listen on; gone after `close`. */
  socket: string;
  /** Entries as of `listed`. */
  hosts: readonly string[];
  /** Told of every target that was asked for and refused. */
  onRefused: (target: string, why: string) => void;
  /** Resolves names here, outside of the sandbox. */
  lookup?: (host: string) => Promise<string[]>;
}

export interface Proxy {
  close(): Promise<void>;
}

/** The same for everyone whose name is not listed: what exists behind it is not for the job to learn. */
const REFUSED = 'The policy of this job type does not list this host.\n';
const UNREACHABLE = 'The host could not be reached.\n';
const CONNECT_MS = 30_000;

/**
 * An HTTP proxy on a unix socket that lets a sandbox without a network reach the hosts a policy lists: CONNECT tunnels
 * (TLS ends at the target, nothing is read here) and plain HTTP requests with an absolute address (RFC 9110, 9.3.6).
 */
export async function openProxy(o: ProxyOptions): Promise<Proxy> {
  const open = new Set<Duplex>();
  const keep = (stream: Duplex) => {
    open.add(stream);
    stream.once('close', () => open.delete(stream));
    // A peer that resets is no error of the worker.
    stream.on('error', () => stream.destroy());
  };
  const server = createServer({ requestTimeout: 0 }, (incoming, answer) => void forward(o, incoming, answer));
  server.on('connection', keep);
  server.on('connect', (incoming: IncomingMessage, client: Duplex, head: Buffer) => {
    void tunnel(o, incoming.url ?? '', client, head, keep);
  });
  server.on('clientError', (_error, client) => client.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(o.socket, resolve);
  });
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const stream of open) stream.destroy();
      }),
  };
}

/** The address to connect to, or null and the refusal is told. */
async function admitted(o: ProxyOptions, target: Target | null, asked: string): Promise<string | null> {
  if (!target || !listed(target, o.hosts)) {
    o.onRefused(target ? `${target.host}:${target.port}` : asked.slice(0, 200), 'not listed');
    return null;
  }
  if (isIP(target.host)) return target.host;
  const resolve =
    o.lookup ?? (async (host: string) => (await systemLookup(host, { all: true })).map((a) => a.address));
  const addresses = await resolve(target.host).catch(() => [] as string[]);
  if (addresses.length === 0) return '';
  // The address that was checked is the one that is used: a second look-up could answer otherwise.
  const fit = target.host === 'localhost' ? addresses[0] : addresses.find(isPublic);
  if (fit === undefined) {
    o.onRefused(`${target.host}:${target.port}`, 'its name leads to an address that is not public');
    return null;
  }
  return fit;
}

async function tunnel(
  o: ProxyOptions,
  asked: string,
  client: Duplex,
  head: Buffer,
  keep: (stream: Duplex) => void,
): Promise<void> {
  const end = (status: string, text: string) =>
    client.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
  const target = readTarget(asked);
  const address = await admitted(o, target, asked);
  if (address === null) return void end('403 Forbidden', REFUSED);
  if (address === '') return void end('502 Bad Gateway', UNREACHABLE);
  const upstream: Socket = connect({ host: address, port: target!.port, timeout: CONNECT_MS });
  let connected = false;
  keep(upstream);
  upstream.once('timeout', () => !connected && upstream.destroy());
  upstream.once('connect', () => {
    connected = true;
    upstream.setTimeout(0);
    client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    if (head.length > 0) upstream.write(head);
    upstream.pipe(client).pipe(upstream);
  });
  upstream.once('close', () => (connected ? client.destroy() : end('502 Bad Gateway', UNREACHABLE)));
  client.once('close', () => upstream.destroy());
}

async function forward(o: ProxyOptions, incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
  const end = (status: number, text: string) => {
    if (!answer.headersSent) answer.writeHead(status, { 'content-type': 'text/plain', connection: 'close' });
    answer.end(text);
  };
  const asked = incoming.url ?? '';
  const url = URL.canParse(asked) ? new URL(asked) : null;
  const target = url?.protocol === 'http:' ? readTarget(url.host, 80) : null;
  const address = await admitted(o, target, asked);
  if (address === null) return end(403, REFUSED);
  if (address === '') return end(502, UNREACHABLE);
  const headers: OutgoingHttpHeaders = { ...incoming.headers, host: url!.host };
  for (const name of ['proxy-connection', 'proxy-authorization', 'connection']) delete headers[name];
  const upstream = request(
    {
      host: address,
      port: target!.port,
      method: incoming.method,
      path: `${url!.pathname}${url!.search}`,
      headers,
      setHost: false,
      timeout: CONNECT_MS,
    },
    (got) => {
      answer.writeHead(got.statusCode ?? 502, got.headers);
      got.pipe(answer);
      got.once('error', () => answer.destroy());
    },
  );
  upstream.once('timeout', () => upstream.destroy(new Error('timeout')));
  upstream.once('error', () => end(502, UNREACHABLE));
  answer.once('close', () => upstream.destroy());
  incoming.pipe(upstream);
}
