import postgres from 'postgres';
import { postgresDatabase } from '@cogo/stack/database/database.ts';
import { readPgmqScript } from '@cogo/stack/database/install_pgmq.ts';
import {
  DRAIN_BATCH,
  DRAIN_CONNECTIONS,
  ENQUEUE_BATCH,
  ENQUEUERS,
  PAYLOAD,
  type QueueSystem,
  sendAtRate,
  sideBySide,
  Starts,
  timed,
  timesOf,
} from './system.ts';

/** pgmq by its own functions: read with a visibility timeout, archive when done. Neither keys nor fencing. */
export async function openRawPgmq(
  url: string,
  maxConnections: number,
  version: string,
): Promise<QueueSystem> {
  const sql = postgres(url, { max: maxConnections, onnotice: () => {} });
  const db = postgresDatabase(sql);
  await db.exec('create schema if not exists pgmq');
  await db.exec(readPgmqScript());
  await sql`select pgmq.create('bench')`;
  const payload = JSON.stringify(PAYLOAD);
  const sendMany = (count: number, delayS = 0) =>
    sideBySide(Math.ceil(count / ENQUEUE_BATCH), ENQUEUERS, async (n) => {
      const size = Math.min(ENQUEUE_BATCH, count - n * ENQUEUE_BATCH);
      await sql.unsafe(
        `select pgmq.send_batch('bench', $1::text[]::jsonb[], $2::int)`,
        [Array.from({ length: size }, () => payload), delayS],
        { prepare: true },
      );
    });
  const read = (qty: number, over = sql) =>
    over.unsafe(`select msg_id, message from pgmq.read('bench', 60, $1::int)`, [qty], {
      prepare: true,
    }) as Promise<unknown> as Promise<{ msg_id: string; message: { n?: number } }[]>;
  const archive = (rows: readonly { msg_id: string }[]) =>
    sql.unsafe(`select pgmq.archive('bench', $1::bigint[])`, [rows.map((row) => row.msg_id)], {
      prepare: true,
    });
  const takeAll = (count: number, workers: number, qty: number) =>
    timed(async () => {
      let left = count;
      await Promise.all(
        Array.from({ length: workers }, async () => {
          while (left > 0) {
            const rows = await read(qty);
            if (rows.length === 0) {
              await new Promise((resolve) => setTimeout(resolve, 1));
              continue;
            }
            left -= rows.length;
            await archive(rows);
          }
        }),
      );
    });
  return {
    name: `raw pgmq ${version} (not fenced)`,
    async reset() {
      await sql`truncate pgmq.q_bench, pgmq.a_bench`;
    },
    async settle() {
      await sql`vacuum analyze pgmq.q_bench`;
    },
    enqueue: (count) => timed(() => sendMany(count)),
    drain: (count) => takeAll(count, DRAIN_CONNECTIONS, DRAIN_BATCH),
    single: (count, workers) => takeAll(count, workers, 1),
    async latency(rate, count) {
      const starts = new Starts(count);
      let over = false;
      const poller = (async () => {
        while (!over) {
          const rows = await read(10);
          for (const row of rows) starts.mark(row.message.n ?? 0);
          if (rows.length > 0) void archive(rows).execute();
          else await new Promise((resolve) => setTimeout(resolve, 5));
        }
      })();
      const sent = await sendAtRate(
        rate,
        count,
        (n) => sql`select pgmq.send('bench', ${JSON.stringify({ ...PAYLOAD, n })}::text::jsonb)`,
      );
      await starts.all;
      over = true;
      await poller;
      return starts.since(sent);
    },
    async backlog(rows) {
      await sendMany(rows);
      // As reading them all would leave them; a read walks over the invisible rows each time.
      await sql`update pgmq.q_bench set vt = clock_timestamp() + interval '1 hour', read_ct = read_ct + 1`;
      await sendMany(rows, 86_400);
    },
    async emptyClaim(times) {
      const poller = postgres(url, { max: 1, onnotice: () => {} });
      try {
        return await timesOf(times, async () => {
          if ((await read(1, poller)).length > 0) throw new Error('the backlog holds a ready message');
        });
      } finally {
        await poller.end();
      }
    },
    close: () => sql.end(),
  };
}
