// Which channels are on which topic. A private and a public topic of one name are two topics.
import { PresenceBook, type PresenceDiff, type PresenceState } from './presence.ts';
import { type Broadcast, encodeBroadcast, encodeMessage, type Vsn } from './wire.ts';

/** One topic joined on one socket, as the hub sees it. */
export interface Subscriber {
  readonly vsn: Vsn;
  readonly receivesBroadcasts: boolean;
  readonly receivesPresence: boolean;
  /** True when a replay has already brought this message of the database. */
  hasReplayed(id: string): boolean;
  write(data: string | Uint8Array): void;
}

interface Topic {
  /** As on the wire, `realtime:…`. */
  wire: string;
  subscribers: Set<Subscriber>;
  presences: PresenceBook<Subscriber>;
}

export interface TopicName {
  topic: string;
  isPrivate: boolean;
}

export class Hub {
  #topics = new Map<string, Topic>();
  #presenceRef = 0;
  #run = Date.now().toString(36);

  get topics(): number {
    return this.#topics.size;
  }

  add(name: TopicName, subscriber: Subscriber): void {
    let topic = this.#topics.get(keyOf(name));
    if (!topic) {
      topic = {
        wire: `realtime:${name.topic}`,
        subscribers: new Set(),
        presences: new PresenceBook(() => `${this.#run}-${++this.#presenceRef}`),
      };
      this.#topics.set(keyOf(name), topic);
    }
    topic.subscribers.add(subscriber);
  }

  /** Also ends the subscriber's presence. */
  remove(name: TopicName, subscriber: Subscriber): void {
    const topic = this.#topics.get(keyOf(name));
    if (!topic?.subscribers.delete(subscriber)) return;
    this.#tellPresence(topic, topic.presences.untrack(subscriber));
    if (topic.subscribers.size === 0) this.#topics.delete(keyOf(name));
  }

  /** How many it went to. Encoded once for each version, not for each subscriber. */
  publish(name: TopicName, broadcast: Broadcast, o: { except?: Subscriber; id?: string } = {}): number {
    const topic = this.#topics.get(keyOf(name));
    if (!topic) return 0;
    const encoded = new Map<Vsn, string | Uint8Array | undefined>();
    let count = 0;
    for (const subscriber of topic.subscribers) {
      if (subscriber === o.except || !subscriber.receivesBroadcasts) continue;
      if (o.id !== undefined && subscriber.hasReplayed(o.id)) continue;
      if (!encoded.has(subscriber.vsn)) {
        encoded.set(subscriber.vsn, encodeBroadcast(subscriber.vsn, topic.wire, broadcast));
      }
      const data = encoded.get(subscriber.vsn);
      if (data === undefined) continue;
      subscriber.write(data);
      count += 1;
    }
    return count;
  }

  presenceState(name: TopicName): PresenceState {
    return this.#topics.get(keyOf(name))?.presences.state() ?? {};
  }

  track(name: TopicName, subscriber: Subscriber, key: string, payload: Record<string, unknown>): void {
    const topic = this.#topics.get(keyOf(name));
    if (topic) this.#tellPresence(topic, topic.presences.track(subscriber, key, payload));
  }

  untrack(name: TopicName, subscriber: Subscriber): void {
    const topic = this.#topics.get(keyOf(name));
    if (topic) this.#tellPresence(topic, topic.presences.untrack(subscriber));
  }

  #tellPresence(topic: Topic, diff: PresenceDiff | null): void {
    if (!diff) return;
    const encoded = new Map<Vsn, string>();
    for (const subscriber of topic.subscribers) {
      if (!subscriber.receivesPresence) continue;
      const { vsn } = subscriber;
      let data = encoded.get(vsn);
      if (data === undefined) {
        data = encodeMessage(vsn, {
          topic: topic.wire,
          event: 'presence_diff',
          payload: JSON.stringify(diff),
        });
        encoded.set(vsn, data);
      }
      subscriber.write(data);
    }
  }
}

function keyOf({ topic, isPrivate }: TopicName): string {
  return `${isPrivate ? 'private' : 'public'}:${topic}`;
}
