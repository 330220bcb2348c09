// Tells the database on which private topics this gateway has somebody, so that hints nobody hears are not sent.
import { randomUUID } from 'node:crypto';
import type { RealtimeDb } from './db.ts';

export class Ears {
  readonly #id = randomUUID();
  readonly #db: Pick<RealtimeDb, 'query'>;
  /** How many channels are on a topic. */
  readonly #topics = new Map<string, number>();

  constructor(db: Pick<RealtimeDb, 'query'>) {
    this.#db = db;
  }

  /** Resolves when a hint that is committed from now on is heard. Rejects when the database fails. */
  async open(topic: string): Promise<void> {
    const channels = this.#topics.get(topic) ?? 0;
    this.#topics.set(topic, channels + 1);
    await this.#say([topic]);
  }

  /** One channel less. What the database knows runs out by itself. */
  close(topic: string): void {
    const channels = (this.#topics.get(topic) ?? 0) - 1;
    if (channels > 0) this.#topics.set(topic, channels);
    else this.#topics.delete(topic);
  }

  /** To be called more often than every two minutes, and when the database was away. */
  async stillHere(): Promise<void> {
    if (this.#topics.size > 0) await this.#say([...this.#topics.keys()]);
  }

  async #say(topics: string[]): Promise<void> {
    await this.#db.query(
      `select realtime.cogo_listen($1::text::uuid, array(select jsonb_array_elements_text($2::text::jsonb)))`,
      [this.#id, JSON.stringify(topics)],
    );
  }
}
