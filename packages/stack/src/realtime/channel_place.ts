import type { Channel } from './channel.ts';
import type { RealtimeDb } from './db.ts';
import type { Ears } from './ears.ts';
import type { DatabaseFeed } from './feed.ts';
import type { Hub } from './hub.ts';
import type { Credentials, Identity } from './identity.ts';
import type { Limits } from './limits.ts';
import type { Log } from './log.ts';
import type { Vsn } from './wire.ts';

/** What every channel of a gateway shares. */
export interface ChannelServices {
  db: RealtimeDb;
  feed: DatabaseFeed;
  ears: Ears;
  hub: Hub;
  credentials: Credentials;
  limits: Limits;
  now: () => number;
  log: Log;
}

/** The socket as its channels see it. */
export interface ChannelSocket {
  vsn: Vsn;
  headers: Record<string, string>;
  /** Of the API key the socket was opened with. */
  identity: Identity;
  isOpen(): boolean;
  write(data: string | Uint8Array): void;
  /** Takes the channel off the socket. */
  forget(channel: Channel): void;
}
