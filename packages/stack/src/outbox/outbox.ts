import type { Database } from '../database/database.ts';

export interface OutboxOptions {
  db: Database;
  fetch: typeof fetch;
  log: (line: string) => void;
  /** Milliseconds between looks when no notification came; 2000 unless told. */
  pollMs?: number;
}

export interface Outbox {
  /** Sends what is queued; answers how many requests were made. */
  drain(): Promise<number>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

interface Queued {
  id: string | number;
  method: string;
  url: string;
  params: string;
  headers: string;
  body: string | null;
  timeout_milliseconds: number;
}

interface Answer {
  status_code: number | null;
  content_type: string | null;
  headers: Record<string, string> | null;
  content: string | null;
  timed_out: boolean;
  error_msg: string | null;
}

const AT_ONCE = 10;
const MAX_ANSWER_BYTES = 1024 * 1024;
/** As pg_net's `ttl`. */
const KEPT = '6 hours';

/** Whether `net` is the stack's own shim, so the stack has to send. */
export async function needsOutbox(db: Database): Promise<boolean> {
  const [row] = await db.query<{ ours: boolean }>(
    "select to_regprocedure('net.cogo_is_shim()') is not null as ours",
  );
  return row?.ours ?? false;
}

/** Sends the rows of `net.http_request_queue`. A row leaves the queue in the transaction that stores its answer. */
export function createOutbox(options: OutboxOptions): Outbox {
  const { db, log } = options;
  let timer: NodeJS.Timeout | undefined;
  let unlisten: (() => Promise<void>) | undefined;
  let running: Promise<number> | undefined;
  let again = false;
  const ending = new AbortController();

  const work = async (): Promise<number> => {
    let sent = 0;
    while (!ending.signal.aborted) {
      const rows = await db.query<Queued>(
        `select id, method, url, params::text as params, headers::text as headers, body, timeout_milliseconds
         from net.http_request_queue order by id limit ${AT_ONCE}`,
      );
      if (rows.length === 0) break;
      await Promise.all(
        rows.map(async (row) => {
          const answer = await send(options.fetch, row, ending.signal);
          if (answer) await store(db, row, answer);
        }),
      );
      sent += rows.length;
    }
    if (sent > 0) await db.exec(`delete from net._http_response where created < now() - interval '${KEPT}'`);
    return sent;
  };

  const drain = (): Promise<number> => {
    if (running) {
      again = true;
      return running;
    }
    running = work()
      .catch((error: unknown) => {
        log(`outbox: ${(error as Error).message}`);
        return 0;
      })
      .finally(() => {
        running = undefined;
        if (again && !ending.signal.aborted) {
          again = false;
          void drain();
        }
      });
    return running;
  };

  return {
    drain,
    async start() {
      unlisten = await db.listen('cogo_net', () => void drain());
      timer = setInterval(() => void drain(), options.pollMs ?? 2000);
      timer.unref();
      void drain();
    },
    async stop() {
      ending.abort();
      clearInterval(timer);
      await unlisten?.();
      await running;
    },
  };
}

/** `undefined` when the stack stops meanwhile: the row stays and is sent after the next start. */
async function send(doFetch: typeof fetch, row: Queued, ending: AbortSignal): Promise<Answer | undefined> {
  const timeout = AbortSignal.timeout(row.timeout_milliseconds);
  const none: Answer = {
    status_code: null,
    content_type: null,
    headers: null,
    content: null,
    timed_out: false,
    error_msg: null,
  };
  try {
    const url = new URL(row.url);
    if (url.protocol !== 'http:' && url.protocol !== 'https:')
      throw new Error(`unsupported protocol ${url.protocol}`);
    for (const [name, value] of Object.entries(JSON.parse(row.params) as Record<string, unknown>)) {
      url.searchParams.append(name, String(value));
    }
    const response = await doFetch(url, {
      method: row.method,
      headers: JSON.parse(row.headers) as Record<string, string>,
      body: row.body,
      redirect: 'manual',
      signal: AbortSignal.any([timeout, ending]),
    });
    return {
      ...none,
      status_code: response.status,
      content_type: response.headers.get('content-type'),
      headers: Object.fromEntries(response.headers),
      content: await readSome(response),
    };
  } catch (error) {
    if (ending.aborted) return undefined;
    if (timeout.aborted) {
      return { ...none, timed_out: true, error_msg: `Timeout of ${row.timeout_milliseconds} ms reached` };
    }
    const { message, cause } = error as Error;
    return { ...none, error_msg: cause instanceof Error ? `${message}: ${cause.message}` : message };
  }
}

async function readSome(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk as Uint8Array);
    size += (chunk as Uint8Array).length;
    if (size >= MAX_ANSWER_BYTES) break;
  }
  // A text column takes no NUL.
  return Buffer.concat(chunks).subarray(0, MAX_ANSWER_BYTES).toString('utf8').replaceAll('\0', '');
}

async function store(db: Database, row: Queued, answer: Answer): Promise<void> {
  await db.query(
    `with sent as (delete from net.http_request_queue where id = $1::text::bigint returning id)
     insert into net._http_response (id, status_code, content_type, headers, content, timed_out, error_msg)
     select id, $2::text::int, $3::text, $4::text::jsonb, $5::text, $6::text::boolean, $7::text from sent
     on conflict (id) do nothing`,
    [
      String(row.id),
      answer.status_code === null ? null : String(answer.status_code),
      answer.content_type,
      answer.headers === null ? null : JSON.stringify(answer.headers),
      answer.content,
      String(answer.timed_out),
      answer.error_msg,
    ],
  );
}
