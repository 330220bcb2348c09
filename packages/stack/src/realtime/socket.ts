// One WebSocket: its frames, its channels, its limits.
import type { WebSocket } from 'ws';
import { Channel } from './channel.ts';
import type { ChannelServices, ChannelSocket } from './channel_place.ts';
import type { Identity } from './identity.ts';
import { parseJoin, record } from './join_config.ts';
import { type Bucket, bucket } from './limits.ts';
import type { Stats } from './stats.ts';
import { decodeFrame, encodeMessage, type Frame, type Vsn } from './wire.ts';

/** Time a socket has to take its close frame before the connection is cut, in milliseconds. */
const CLOSE_GRACE = 5000;

export class RealtimeSocket implements ChannelSocket {
  readonly vsn: Vsn;
  readonly identity: Identity;
  readonly headers: Record<string, string>;
  #ws: WebSocket;
  #services: ChannelServices;
  #stats: Stats;
  #channels = new Map<string, Channel>();
  /** The frames of one topic wait for one another, those of two topics do not. */
  #queues = new Map<string, Promise<void>>();
  #waiting = 0;
  #heardAt: number;
  #cutAt: number | null = null;
  #malformed = 0;
  #joins: Bucket;
  #messages: Bucket;

  constructor(
    ws: WebSocket,
    services: ChannelServices,
    stats: Stats,
    o: { vsn: Vsn; identity: Identity; headers: Record<string, string> },
  ) {
    this.vsn = o.vsn;
    this.identity = o.identity;
    this.headers = o.headers;
    this.#ws = ws;
    this.#services = services;
    this.#stats = stats;
    this.#heardAt = services.now();
    this.#joins = bucket(services.limits.joinsPerSecond, services.now());
    this.#messages = bucket(services.limits.messagesPerSecond, services.now());
    ws.on('message', (data: Buffer, binary: boolean) => this.#receive(data, binary));
    // `ws` answers a protocol error (a frame too large, text that is not UTF-8) with the right close code by itself.
    ws.on('error', (error) => services.log('warn', 'realtime: connection failed', { error: error.message }));
    ws.on('close', () => this.#leaveAll());
  }

  get channels(): number {
    return this.#channels.size;
  }

  isOpen(): boolean {
    return this.#ws.readyState === this.#ws.OPEN && this.#cutAt === null;
  }

  write(data: string | Uint8Array): void {
    if (!this.isOpen()) return;
    if (this.#ws.bufferedAmount > this.#services.limits.bufferedBytes) {
      this.#stats.slowClosed += 1;
      this.close(1013, 'Too slow: messages were not read in time. Connect again and ask for a replay');
      return;
    }
    this.#stats.sent += 1;
    this.#ws.send(data, { binary: typeof data !== 'string' });
  }

  forget(channel: Channel): void {
    if (this.#channels.get(channel.wireTopic) === channel) this.#channels.delete(channel.wireTopic);
  }

  /** A client that does not take the close frame is cut off by a later `sweep`. */
  close(code: number, reason: string): void {
    if (this.#cutAt !== null) return;
    this.#cutAt = this.#services.now() + CLOSE_GRACE;
    this.#ws.close(code, reason);
    this.#leaveAll();
  }

  /** Closes and waits for the client to agree, a second at most. */
  async finish(code: number, reason: string): Promise<void> {
    if (this.#ws.readyState === this.#ws.CLOSED) return;
    const gone = new Promise<void>((resolve) => this.#ws.once('close', () => resolve()));
    this.close(code, reason);
    const impatient = setTimeout(() => this.#ws.terminate(), 1000);
    await gone;
    clearTimeout(impatient);
  }

  /** What time brings: silence, tokens that end, a close that is not answered. */
  sweep(now: number): void {
    if (this.#cutAt !== null) {
      if (now >= this.#cutAt) this.#ws.terminate();
      return;
    }
    if (now - this.#heardAt > this.#services.limits.idleMs) {
      this.close(1000, 'No heartbeat');
      return;
    }
    for (const channel of [...this.#channels.values()]) channel.expire(now);
  }

  #receive(data: Buffer, binary: boolean): void {
    if (!this.isOpen()) return;
    this.#heardAt = this.#services.now();
    this.#stats.received += 1;
    const decoded = decodeFrame(this.vsn, data, binary);
    if (!decoded.ok) {
      this.#stats.malformed += 1;
      this.#malformed += 1;
      this.#reply(decoded, 'error', { reason: `MalformedMessage: ${decoded.reason}` });
      if (this.#malformed >= this.#services.limits.malformedFrames) {
        this.close(1007, 'Too many malformed messages');
      }
      return;
    }
    const { frame } = decoded;
    if (frame.topic === 'phoenix') {
      if (frame.event === 'heartbeat') this.#reply(frame, 'ok', {});
      else this.#reply(frame, 'error', { reason: 'unmatched topic' });
      return;
    }
    this.#enqueue(frame);
  }

  #enqueue(frame: Frame): void {
    if (this.#waiting >= this.#services.limits.waitingFrames) {
      this.close(1008, 'Too many messages are waiting');
      return;
    }
    this.#waiting += 1;
    const before = this.#queues.get(frame.topic) ?? Promise.resolve();
    const done = before
      .then(() => (this.isOpen() ? this.#handle(frame) : undefined))
      .catch((error: Error) => {
        this.#services.log('error', 'realtime: a message could not be handled', {
          event: frame.event,
          error: error.message,
        });
        const reason = 'UnableToConnectToProject: Realtime was unable to connect to the project database';
        this.#reply(frame, 'error', { reason });
      })
      .finally(() => {
        this.#waiting -= 1;
        if (this.#queues.get(frame.topic) === done) this.#queues.delete(frame.topic);
      });
    this.#queues.set(frame.topic, done);
  }

  async #handle(frame: Frame): Promise<void> {
    const channel = this.#channels.get(frame.topic);
    if (frame.event === 'phx_join') return this.#join(frame, channel);
    // A frame of an earlier join of the topic is not for this one.
    const current =
      channel && (frame.joinRef === null || frame.joinRef === channel.joinRef) ? channel : undefined;
    if (frame.event === 'phx_leave') {
      this.#reply(frame, 'ok', {});
      current?.close();
      return;
    }
    if (!current) return this.#reply(frame, 'error', { reason: 'unmatched topic' });
    if (!this.#messages.take(this.#services.now())) return current.shutDown('Too many messages per second');
    await current.handle(frame);
  }

  async #join(frame: Frame, existing: Channel | undefined): Promise<void> {
    const { limits, now } = this.#services;
    const fail = (reason: string) => {
      this.#stats.joinsRefused += 1;
      this.#reply(frame, 'error', { reason });
    };
    if (!frame.topic.startsWith('realtime:')) return fail('unmatched topic');
    if (frame.topic === 'realtime:') return fail('TopicNameRequired: You must provide a topic name');
    if (Buffer.byteLength(frame.topic) > limits.topicBytes)
      return fail('TopicNameRequired: The topic name is too long');
    if (!this.#joins.take(now())) return fail('ClientJoinRateLimitReached: Too many joins per second');
    // Phoenix closes an open channel of the topic before it joins it anew.
    existing?.close();
    if (this.#channels.size >= limits.channelsPerSocket)
      return fail('ChannelRateLimitReached: Too many channels');
    const parsed = parseJoin(record(frame.payload), limits.replay);
    if (!parsed.ok) return fail(parsed.reason);
    const channel = new Channel(this.#services, this, frame, parsed.config);
    // Joining counts as joined for the limit, so that many joins at once cannot pass it.
    this.#channels.set(frame.topic, channel);
    let joined = false;
    try {
      const outcome = await channel.join(frame);
      joined = outcome.ok;
      if (!outcome.ok) fail(outcome.reason);
    } finally {
      if (!joined || !this.isOpen()) channel.close();
    }
  }

  #reply(
    frame: Pick<Frame, 'joinRef' | 'ref' | 'topic'>,
    status: 'ok' | 'error',
    response: Record<string, unknown>,
  ): void {
    const { joinRef, ref, topic } = frame;
    const payload = JSON.stringify({ status, response });
    this.write(encodeMessage(this.vsn, { joinRef, ref, topic, event: 'phx_reply', payload }));
  }

  #leaveAll(): void {
    for (const channel of [...this.#channels.values()]) channel.close();
  }
}
