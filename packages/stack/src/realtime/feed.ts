// The database's messages, in order of commit. One thing happens at a time: reading what was notified, or a replay; so a
// replay knows exactly which messages it has covered and which are still to come.
import { broadcastPayload, type Broadcast } from './wire.ts';
import type { RealtimeDb } from './db.ts';
import type { Log } from './log.ts';

export interface FeedMessage {
  id: string;
  topic: string;
  isPrivate: boolean;
  broadcast: Broadcast;
}

export interface Replay {
  /** Oldest first, marked `replayed` in their meta. */
  messages: FeedMessage[];
  /** Ids of the topic's messages that were committed by then: what comes later and is none of these is new. */
  covered: ReadonlySet<string>;
}

interface Row {
  seq: string;
  id: string;
  topic: string;
  event: string | null;
  private: boolean | null;
  payload: string | null;
  bytes: string | null;
  too_large: boolean;
}

const CHANNEL = 'cogo_realtime';
/** Messages that are not kept, whole. */
const HINTS = 'cogo_realtime_hint';
/** Rows read at once. */
const BATCH = 200;
/** Numbers below the highest seen within which a late commit may still turn up. */
const LATE = 1000;

const COLUMNS = `seq::text as seq, id::text as id, topic, event, private,
  octet_length(payload::text) > $2::int or octet_length(binary_payload) > $2::int as too_large,
  case when octet_length(payload::text) <= $2::int then payload::text end as payload,
  case when octet_length(binary_payload) <= $2::int then encode(binary_payload, 'base64') end as bytes`;

export class DatabaseFeed {
  #db: RealtimeDb;
  #onMessage: (message: FeedMessage) => void;
  #payloadBytes: number;
  #log: Log;
  #pending: string[] = [];
  #scheduled = false;
  #tail: Promise<void> = Promise.resolve();
  #stop: (() => Promise<void>) | undefined;
  #closed = false;
  #highest = 0;
  /** Numbers handed on lately, so that looking back after a lost notification repeats none. */
  #handled = new Set<string>();
  /** Since the last start. */
  delivered = 0;

  constructor(o: {
    db: RealtimeDb;
    onMessage: (message: FeedMessage) => void;
    payloadBytes: number;
    log: Log;
  }) {
    this.#db = o.db;
    this.#onMessage = o.onMessage;
    this.#payloadBytes = o.payloadBytes;
    this.#log = o.log;
  }

  /** Rejects when `realtime.messages` cannot be read. What is older than now is not handed on. */
  async start(): Promise<void> {
    this.#stop = await this.#db.listen(
      CHANNEL,
      (payload) => this.#notified(payload),
      () => void this.catchUp(),
    );
    const unlisten = this.#stop;
    const stopHints = await this.#db.listen(
      HINTS,
      (message) => this.#hinted(message),
      () => {},
    );
    this.#stop = async () => {
      await Promise.all([unlisten(), stopHints()]);
    };
    const rows = await this.#db.query<{ seq: string }>(
      'select seq::text as seq from realtime.messages order by seq desc limit $1::int',
      [LATE],
    );
    for (const { seq } of rows) {
      if (!this.#pending.includes(seq)) this.#handled.add(seq);
    }
    this.#highest = Number(rows[0]?.seq ?? 0);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#tail;
    await this.#stop?.();
  }

  /** Reads rows whose notification was lost, as when the listening connection broke. */
  catchUp(): Promise<void> {
    return this.#exclusive(async () => {
      const rows = await this.#db.query<{ seq: string }>(
        `select seq::text as seq from realtime.messages where seq > $1::bigint and extension = 'broadcast' order by seq limit $2::int`,
        [Math.max(0, this.#highest - LATE), 2 * LATE],
      );
      const known = new Set(this.#pending);
      const lost = rows.map(({ seq }) => seq).filter((seq) => !this.#handled.has(seq) && !known.has(seq));
      // What was lost is older than what waits.
      this.#pending.unshift(...lost);
      await this.#drain();
    });
  }

  /** Deletes what is older than three days, a bounded number of rows. */
  async prune(): Promise<void> {
    await this.#db.query('select realtime.cogo_prune()');
  }

  /**
   * A topic's newest private messages since a time, and then `use`, before any later message is handed on. `since` in
   * milliseconds since the epoch. Rejects when the database fails.
   */
  replay(topic: string, since: number, limit: number, use: (replay: Replay) => void): Promise<void> {
    return this.#exclusive(async () => {
      await this.#drain();
      // One statement, one snapshot: what it does not cover had not been committed.
      const rows = await this.#db.query<Row & { covered: string; wanted: boolean }>(
        `with recent as (
           select seq as nr, id as recent_id, inserted_at >= to_timestamp($4::float8 / 1000) at time zone 'utc' as fresh
           from realtime.messages where topic = $1::text and private and extension = 'broadcast'
           order by seq desc limit $3::int),
         marked as (
           select nr, recent_id,
                  fresh and row_number() over (partition by fresh order by nr desc) <= $5::int as wanted from recent)
         select recent_id::text as covered, wanted, ${COLUMNS}
         from marked left join realtime.messages on seq = nr and wanted order by nr`,
        [topic, this.#payloadBytes, LATE, since, limit],
      );
      use({
        covered: new Set(rows.map((row) => row.covered)),
        messages: rows.filter((row) => row.wanted && !row.too_large).map((row) => toMessage(row, true)),
      });
    });
  }

  #hinted(message: string): void {
    if (this.#closed) return;
    const { id, topic, event, payload } = JSON.parse(message) as Record<'id' | 'topic' | 'event', string> & {
      payload: Record<string, unknown>;
    };
    this.delivered += 1;
    // as realtime.send: a payload without an id gets the message's
    const text = JSON.stringify({ ...payload, id: payload['id'] ?? id });
    this.#onMessage({
      id,
      topic,
      isPrivate: true,
      broadcast: { payload: broadcastPayload(event, text, { id }) },
    });
  }

  /** Numbers of rows, separated by commas. */
  #notified(numbers: string): void {
    const fresh = numbers.split(',').filter((seq) => /^\d+$/.test(seq) && !this.#handled.has(seq));
    this.#pending.push(...fresh);
    if (fresh.length === 0 || this.#scheduled) return;
    this.#scheduled = true;
    this.#exclusive(() => this.#drain()).catch((error: Error) =>
      this.#log('error', 'realtime: messages could not be read and stay waiting', { error: error.message }),
    );
  }

  async #drain(): Promise<void> {
    this.#scheduled = false;
    while (this.#pending.length > 0 && !this.#closed) {
      const batch = this.#pending.slice(0, BATCH);
      const rows = await this.#db.query<Row>(
        `select ${COLUMNS} from realtime.messages
         where seq in (select value::bigint from jsonb_array_elements_text($1::text::jsonb))`,
        [JSON.stringify(batch), this.#payloadBytes],
      );
      // Taken off only now: a failed read keeps them.
      this.#pending.splice(0, batch.length);
      const bySeq = new Map(rows.map((row) => [row.seq, row]));
      for (const seq of batch) this.#hand(seq, bySeq.get(seq));
    }
  }

  #hand(seq: string, row: Row | undefined): void {
    if (this.#handled.has(seq)) return;
    this.#handled.add(seq);
    this.#highest = Math.max(this.#highest, Number(seq));
    // A Set keeps the order of insertion: the oldest goes first.
    if (this.#handled.size > 4 * LATE) this.#handled.delete(this.#handled.values().next().value as string);
    if (!row) return;
    if (row.too_large) {
      this.#log('warn', 'realtime: a message of the database is over the size limit and was not sent', {
        id: row.id,
        topic: row.topic,
      });
      return;
    }
    this.delivered += 1;
    this.#onMessage(toMessage(row, false));
  }

  #exclusive(job: () => Promise<void>): Promise<void> {
    const run = this.#tail.then(() => (this.#closed ? undefined : job()));
    this.#tail = run.catch(() => {});
    return run;
  }
}

function toMessage(row: Row, replayed: boolean): FeedMessage {
  const meta = replayed ? { replayed: true, id: row.id } : { id: row.id };
  const event = row.event ?? '';
  const broadcast: Broadcast =
    row.bytes !== null
      ? { binary: Buffer.from(row.bytes, 'base64'), event, meta }
      : { payload: broadcastPayload(event, row.payload ?? 'null', meta) };
  return { id: row.id, topic: row.topic, isPrivate: row.private === true, broadcast };
}
