// Realtime for the embedded place: the Phoenix wire of supabase-js at /realtime/v1/websocket and the broadcasts over HTTP.
import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { ChannelServices } from './channel_place.ts';
import type { RealtimeDb } from './db.ts';
import { Ears } from './ears.ts';
import { DatabaseFeed } from './feed.ts';
import { handshake, isRealtimePath } from './handshake.ts';
import { handleBroadcast } from './http_broadcast.ts';
import { Hub } from './hub.ts';
import { type Limits, LIMITS } from './limits.ts';
import type { Log } from './log.ts';
import { RealtimeSocket } from './socket.ts';
import { newStats, type Stats } from './stats.ts';

export interface RealtimeOptions {
  /** From `realtimeDb(connection)`. */
  db: RealtimeDb;
  /** HS256 secret of the auth server. */
  jwtSecret: string;
  keys: { publishable_key: string; secret_key: string };
  /** Milliseconds since the epoch. */
  now?: () => number;
  log?: Log;
  limits?: Partial<Limits>;
  /** Origins besides loopback whose pages may connect; `*` for any. */
  allowedOrigins?: readonly string[];
  /** How often time is looked at (expiry, silence), in milliseconds. */
  sweepMs?: number;
}

export interface Realtime {
  /** Resolves when messages of the database flow; rejects when they cannot. */
  ready: Promise<void>;
  /** Tells every client (close code 1001) and waits until all are gone. */
  close(): Promise<void>;
  stats(): Stats;
  /** The HTTP interface; undefined for a path that is none of it. Goes before any route that claims `/realtime/v1/*`. */
  handleHttp(req: Request): Promise<Response | undefined>;
}

const CATCH_UP_MS = 10_000;
const PRUNE_MS = 600_000;

/** Serves Realtime on a server that STACK listens with; other upgrade requests are left to others. */
export function attachRealtime(server: Server, options: RealtimeOptions): Realtime {
  const limits: Limits = { ...LIMITS, ...options.limits };
  const now = options.now ?? Date.now;
  const log: Log = options.log ?? (() => {});
  const stats = newStats();
  const sockets = new Set<RealtimeSocket>();
  const hub = new Hub();
  const credentials = {
    publishableKey: options.keys.publishable_key,
    secretKey: options.keys.secret_key,
    jwtSecret: options.jwtSecret,
  };
  const feed = new DatabaseFeed({
    db: options.db,
    payloadBytes: limits.payloadBytes,
    log,
    onMessage: (message) => {
      stats.fromDatabase += 1;
      hub.publish(message, message.broadcast, { id: message.id });
    },
  });
  const ears = new Ears(options.db);
  const services: ChannelServices = { db: options.db, feed, ears, hub, credentials, limits, now, log };
  const wss = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: limits.frameBytes,
    clientTracking: false,
  });
  let closing = false;

  const onUpgrade = (request: IncomingMessage, duplex: Duplex, head: Buffer) => {
    if (!isRealtimePath(request.url)) {
      // With a listener of ours Node no longer ends what nobody answers.
      if (server.listenerCount('upgrade') === 1) refuseUpgrade(duplex, 404, 'Nothing to upgrade to here');
      return;
    }
    const verdict = closing
      ? { ok: false as const, status: 503, reason: 'Realtime is stopping' }
      : sockets.size >= limits.sockets
        ? { ok: false as const, status: 429, reason: 'Too many connected users' }
        : handshake(request, credentials, options.allowedOrigins ?? null, now());
    if (!verdict.ok) {
      stats.refused += 1;
      refuseUpgrade(duplex, verdict.status, verdict.reason);
      return;
    }
    wss.handleUpgrade(request, duplex, head, (ws) => {
      const socket = new RealtimeSocket(ws, services, stats, verdict);
      sockets.add(socket);
      ws.on('close', () => sockets.delete(socket));
    });
  };
  server.on('upgrade', onUpgrade);

  const ready = feed.start();
  ready.catch((error: Error) =>
    log('error', 'realtime: messages of the database do not flow', { error: error.message }),
  );

  let caughtUpAt = now();
  let prunedAt = Number.NEGATIVE_INFINITY;
  const housekeeping = async (at: number) => {
    if (at - caughtUpAt >= CATCH_UP_MS) {
      caughtUpAt = at;
      await ears.stillHere();
      await feed.catchUp();
    }
    if (at - prunedAt >= PRUNE_MS) {
      prunedAt = at;
      await feed.prune();
    }
  };
  const timer = setInterval(() => {
    const at = now();
    for (const socket of [...sockets]) socket.sweep(at);
    ready
      .then(() => (closing ? undefined : housekeeping(at)))
      .catch((error: Error) => log('warn', 'realtime: housekeeping failed', { error: error.message }));
  }, options.sweepMs ?? 1000);
  timer.unref();

  return {
    ready,
    stats: () => {
      stats.sockets = sockets.size;
      stats.channels = [...sockets].reduce((sum, socket) => sum + socket.channels, 0);
      stats.topics = hub.topics;
      return { ...stats };
    },
    handleHttp: (req) => handleBroadcast(services, req),
    close: async () => {
      if (closing) return;
      closing = true;
      clearInterval(timer);
      server.off('upgrade', onUpgrade);
      await Promise.all([...sockets].map((socket) => socket.finish(1001, 'Realtime is stopping')));
      await ready.catch(() => {});
      await feed.close();
      wss.close();
    },
  };
}

function refuseUpgrade(duplex: Duplex, status: number, reason: string): void {
  const body = JSON.stringify({ error: reason });
  duplex.on('error', () => {});
  duplex.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
