// One topic joined on one socket:  joining -> joined -> closed.  Its frames are handled one after the other.
import { createHash, randomUUID } from 'node:crypto';
import type { ChannelServices, ChannelSocket } from './channel_place.ts';
import type { Extension, Grants } from './db.ts';
import type { Subscriber, TopicName } from './hub.ts';
import { identify, type Identity } from './identity.ts';
import { type JoinConfig, record } from './join_config.ts';
import { type Bucket, bucket } from './limits.ts';
import {
  type Broadcast,
  broadcastOf,
  encodeBroadcast,
  encodeMessage,
  type Frame,
  type Ref,
  type Vsn,
} from './wire.ts';

export type Joined = { ok: true } | { ok: false; reason: string };

export class Channel implements Subscriber {
  readonly wireTopic: string;
  readonly name: TopicName;
  readonly joinRef: Ref;
  readonly vsn: Vsn;
  #services: ChannelServices;
  #socket: ChannelSocket;
  #config: JoinConfig;
  #identity: Identity;
  #token: string | null;
  #read: Grants = {};
  #write: Grants = {};
  #presenceKey: string;
  #presenceBucket: Bucket;
  #covered: ReadonlySet<string> = new Set();
  #state: 'joining' | 'joined' | 'closed' = 'joining';
  #listens = false;

  constructor(services: ChannelServices, socket: ChannelSocket, frame: Frame, config: JoinConfig) {
    this.#services = services;
    this.#socket = socket;
    this.#config = config;
    this.#identity = socket.identity;
    this.#token = config.accessToken;
    this.wireTopic = frame.topic;
    this.name = { topic: frame.topic.slice('realtime:'.length), isPrivate: config.isPrivate };
    this.joinRef = frame.joinRef ?? frame.ref;
    this.vsn = socket.vsn;
    this.#presenceKey = config.presence.key ?? randomUUID();
    this.#presenceBucket = bucket(services.limits.presencePerSecond, services.now());
  }

  get receivesBroadcasts(): boolean {
    return this.#state === 'joined' && this.#read.broadcast === true;
  }

  get receivesPresence(): boolean {
    return this.#state === 'joined' && this.#config.presence.enabled && this.#read.presence === true;
  }

  hasReplayed(id: string): boolean {
    return this.#covered.has(id);
  }

  write(data: string | Uint8Array): void {
    this.#socket.write(data);
  }

  /** Answers the join; afterwards the channel is on the hub, or the reason says why not. */
  async join(frame: Frame): Promise<Joined> {
    if (this.#token !== null) {
      const identified = this.#identified(this.#token);
      if (!identified.ok) return identified;
      this.#identity = identified.identity;
    }
    const extensions: Extension[] = this.#config.presence.enabled ? ['broadcast', 'presence'] : ['broadcast'];
    this.#read = await this.#grants('read', extensions);
    if (!this.#read.broadcast && !this.#read.presence) return this.#unauthorized();
    const { replay } = this.#config;
    // before the join is answered: what is committed after that is heard
    if (this.name.isPrivate) {
      this.#listens = true;
      await this.#services.ears.open(this.name.topic);
      if (this.#closed()) this.#deafen();
    }
    if (!replay) {
      this.#enter(frame);
      return { ok: true };
    }
    if (!this.#read.broadcast) return this.#unauthorized();
    await this.#services.feed.replay(this.name.topic, replay.since, replay.limit, ({ messages, covered }) => {
      this.#covered = covered;
      this.#enter(frame);
      if (this.#state !== 'joined') return;
      for (const { broadcast } of messages) this.#pushBroadcast(broadcast);
    });
    return { ok: true };
  }

  #closed(): boolean {
    return this.#state === 'closed';
  }

  #deafen(): void {
    if (!this.#listens) return;
    this.#listens = false;
    this.#services.ears.close(this.name.topic);
  }

  #enter(frame: Frame): void {
    if (!this.#socket.isOpen()) {
      this.#deafen();
      return;
    }
    const changes = this.#config.postgresChanges.map((wanted) => ({ ...wanted, id: idOf(wanted) }));
    this.#state = 'joined';
    this.#services.hub.add(this.name, this);
    this.reply(frame, 'ok', { postgres_changes: changes });
    if (changes.length > 0) {
      this.#system(
        'postgres_changes',
        'error',
        'Postgres changes are not available here: send rows with realtime.broadcast_changes() from a trigger instead',
      );
    }
    if (this.#config.replicationReady) this.#system('system', 'ok', 'Replication connection established');
    if (this.receivesPresence) this.#pushPresenceState();
  }

  /** Leaves the hub and tells the client, unless its socket is gone. */
  close(): void {
    if (this.#state === 'closed') return;
    const wasJoined = this.#state === 'joined';
    this.#state = 'closed';
    this.#deafen();
    this.#services.hub.remove(this.name, this);
    this.#socket.forget(this);
    if (!wasJoined || !this.#socket.isOpen()) return;
    const { wireTopic: topic, joinRef } = this;
    this.write(encodeMessage(this.vsn, { joinRef, ref: joinRef, topic, event: 'phx_close', payload: '{}' }));
  }

  /** Says why, then closes. supabase-js does not join again by itself after this. */
  shutDown(reason: string): void {
    if (this.#state === 'closed') return;
    this.#services.log('warn', 'realtime: channel closed', { topic: this.name.topic, reason });
    this.#system('system', 'error', reason);
    this.close();
  }

  /** Private channels end with their token. */
  expire(now: number): void {
    const { expiresAt } = this.#identity;
    if (this.#state !== 'joined' || !this.name.isPrivate || expiresAt === null || now < expiresAt) return;
    this.shutDown(`Token has expired ${Math.floor((now - expiresAt) / 1000)} seconds ago`);
  }

  async handle(frame: Frame): Promise<void> {
    if (this.#state !== 'joined') return;
    switch (frame.event) {
      case 'broadcast':
        return this.#broadcast(frame);
      case 'presence':
        return this.#presence(frame);
      case 'access_token':
        return this.#accessToken(frame);
      default:
        this.reply(frame, 'error', {
          reason: `UnknownEvent: ${frame.event.slice(0, 64)} is no event of a channel`,
        });
    }
  }

  async #broadcast(frame: Frame): Promise<void> {
    const refuse = (reason: string) => {
      if (this.#config.ack) this.reply(frame, 'error', { reason });
      else this.#system('broadcast', 'error', reason);
    };
    const broadcast = broadcastOf(frame);
    const size = 'payload' in broadcast ? Buffer.byteLength(broadcast.payload) : broadcast.binary.length;
    const most = this.#services.limits.payloadBytes;
    if (size > most) return refuse(`PayloadSizeExceeded: ${size} bytes; a message may have ${most}`);
    this.#write.broadcast ??= (await this.#grants('write', ['broadcast'])).broadcast === true;
    if (this.#state !== 'joined') return;
    if (!this.#write.broadcast) {
      return refuse(
        `Unauthorized: You do not have permissions to write to this Channel topic: ${this.name.topic}`,
      );
    }
    this.#services.hub.publish(this.name, broadcast, this.#config.self ? {} : { except: this });
    if (this.#config.ack) this.reply(frame, 'ok', {});
  }

  async #presence(frame: Frame): Promise<void> {
    if (!this.#presenceBucket.take(this.#services.now())) {
      return this.shutDown('Client presence rate limit exceeded');
    }
    const asked = record(frame.payload);
    const event = String(asked['event'] ?? '').toLowerCase();
    if (event === 'untrack') {
      this.#services.hub.untrack(this.name, this);
      return this.reply(frame, 'ok', {});
    }
    if (event !== 'track')
      return this.reply(frame, 'error', { reason: 'UnknownPresenceEvent: track or untrack' });
    const payload = asked['payload'] ?? {};
    if (typeof payload !== 'object' || Array.isArray(payload)) {
      return this.reply(frame, 'error', { reason: 'Presence track payload must be a map' });
    }
    if (Buffer.byteLength(JSON.stringify(payload)) > this.#services.limits.payloadBytes) {
      return this.shutDown('Track message size exceeded');
    }
    this.#write.presence ??= (await this.#grants('write', ['presence'])).presence === true;
    // Tracking switches presence on for a channel that joined without it.
    this.#read.presence ??= (await this.#grants('read', ['presence'])).presence === true;
    if (this.#state !== 'joined') return;
    if (!this.#write.presence) {
      const reason = `Unauthorized: You do not have permissions to write to this Channel topic: ${this.name.topic}`;
      return this.reply(frame, 'error', { reason });
    }
    if (!this.#config.presence.enabled) {
      this.#config.presence.enabled = true;
      if (this.receivesPresence) this.#pushPresenceState();
    }
    this.#services.hub.track(this.name, this, this.#presenceKey, payload as Record<string, unknown>);
    this.reply(frame, 'ok', {});
  }

  /** A fresh token: the policies are asked again, and a channel it may not read is closed. */
  async #accessToken(frame: Frame): Promise<void> {
    const token = record(frame.payload)['access_token'];
    if (typeof token !== 'string' || token === '' || token === this.#token) return;
    const identified = this.#identified(token);
    if (!identified.ok) return this.shutDown(identified.reason);
    const before = this.#read;
    this.#token = token;
    this.#identity = identified.identity;
    this.#write = {};
    const read = await this.#grants('read', Object.keys(before) as Extension[]);
    if (this.#state !== 'joined') return;
    this.#read = read;
    if ((before.broadcast && !read.broadcast) || (before.presence && !read.presence)) {
      this.shutDown(`You no longer have permission to read from this Channel topic: ${this.name.topic}`);
    }
  }

  #identified(token: string) {
    const { credentials, now } = this.#services;
    // A key in the token's place says nothing of the user: the socket's own key counts, also after signing out.
    if (token.startsWith('sb_')) return { ok: true as const, identity: this.#socket.identity };
    return identify(token, credentials, now());
  }

  async #grants(action: 'read' | 'write', extensions: readonly Extension[]): Promise<Grants> {
    if (!this.name.isPrivate) return Object.fromEntries(extensions.map((extension) => [extension, true]));
    return this.#services.db.checkTopic({
      topic: this.name.topic,
      action,
      extensions,
      identity: this.#identity,
      headers: this.#socket.headers,
    });
  }

  #unauthorized(): Joined {
    const { topic } = this.name;
    return {
      ok: false,
      reason: `Unauthorized: You do not have permissions to read from this Channel topic: ${topic}`,
    };
  }

  reply(frame: Frame, status: 'ok' | 'error', response: Record<string, unknown>): void {
    const { joinRef, ref, topic } = frame;
    const payload = JSON.stringify({ status, response });
    this.write(encodeMessage(this.vsn, { joinRef, ref, topic, event: 'phx_reply', payload }));
  }

  #system(extension: string, status: 'ok' | 'error', message: string): void {
    this.#push('system', JSON.stringify({ extension, status, message, channel: this.name.topic }));
  }

  #pushPresenceState(): void {
    this.#push('presence_state', JSON.stringify(this.#services.hub.presenceState(this.name)));
  }

  #pushBroadcast(broadcast: Broadcast): void {
    const data = encodeBroadcast(this.vsn, this.wireTopic, broadcast);
    if (data !== undefined) this.write(data);
  }

  #push(event: string, payload: string): void {
    const { joinRef, wireTopic: topic, vsn } = this;
    this.write(encodeMessage(vsn, { joinRef, topic, event, payload }));
  }
}

/** The same for the same subscription, as supabase-js matches them by what it asked for. */
function idOf(wanted: Record<string, unknown>): number {
  return createHash('sha256').update(JSON.stringify(wanted)).digest().readUInt32BE(0);
}
