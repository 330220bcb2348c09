import { setTimeout } from 'node:timers/promises';
import type { Rpc } from '@cogo/client/rpc.ts';
import type { CogoError } from '@cogo/spec/errors.ts';
import { ok, type Result } from '@cogo/spec/result.ts';
import type { FileRow } from './document.ts';
import type { FileGraph } from './graph/symbols/symbol.ts';

/** About this much JSON goes into one call: far below every gateway's body limit, enough to hide the round trip. */
const BATCH_BYTES = 1_000_000;
const RETRY_DELAYS_MS = [200, 1000, 3000];

export interface WriterOptions {
  rpc: Rpc;
  runId: string;
  signal?: AbortSignal | undefined;
  batchBytes?: number;
  /** Waits before a call that met an unreachable database is made again. Milliseconds. */
  retryDelaysMs?: number[];
  /** A file the database refuses; the run goes on without it. */
  onRefused(path: string, why: string): void;
  onWritten(files: FileRow[]): void;
  /** The graph of a file the database refuses; its chunks are in. */
  onGraphRefused?(path: string, why: string): void;
}

export interface Writer {
  /** Resolves when the writer can take more: one batch is on its way while the next is filled. */
  add(row: FileRow, graph?: FileGraph): Promise<Result<void>>;
  flush(): Promise<Result<void>>;
}

/** A file with its graph: one call, one transaction, so the database never has a half of it. */
type WholeFile = FileRow & { graph?: FileGraph };

/** Sends files to an index run in batches. An error that concerns the run (not a file) ends the writing. */
export function indexWriter(options: WriterOptions): Writer {
  let batch: WholeFile[] = [];
  let bytes = 0;
  let underway: Promise<Result<void>> = Promise.resolve(ok(undefined));

  async function send(): Promise<Result<void>> {
    const before = await underway;
    if (!before.ok) return before;
    const rows = batch;
    batch = [];
    bytes = 0;
    if (rows.length > 0) underway = put(options, rows);
    return ok(undefined);
  }

  return {
    async add(row, graph) {
      batch.push(graph ? { ...row, graph } : row);
      bytes += weight(row) + (graph ? 150 * (graph.nodes.length + graph.edges.length) : 0);
      return bytes >= (options.batchBytes ?? BATCH_BYTES) ? await send() : ok(undefined);
    },
    async flush() {
      const sent = await send();
      return sent.ok ? await underway : sent;
    },
  };
}

/** Size of a row as JSON, roughly. */
function weight(row: FileRow): number {
  let sum = 300;
  for (const { text, term, embedding } of row.chunks)
    sum += text.length * 1.1 + term.length * 3 + (embedding?.length ?? 0) + 300;
  for (const term of row.terms) sum += term.length + 3;
  return sum;
}

async function put(options: WriterOptions, rows: WholeFile[]): Promise<Result<void>> {
  const error = await attempt(options, rows);
  if (error === undefined) {
    options.onWritten(rows);
    return ok(undefined);
  }
  if (concernsTheRun(error)) return { ok: false, error };
  if (rows.length === 1) return await refused(options, rows[0]!, error);
  // The call is atomic, so one bad file fails its whole batch: halve until it stands alone.
  const middle = rows.length >> 1;
  const first = await put(options, rows.slice(0, middle));
  return first.ok ? await put(options, rows.slice(middle)) : first;
}

/** A file whose graph is at fault is still found by its text. */
async function refused(options: WriterOptions, file: WholeFile, error: CogoError): Promise<Result<void>> {
  const { graph, ...row } = file;
  const why = `${error.message} (${error.code})`;
  const again = graph && error.code !== 'payload_too_large' ? await attempt(options, [row]) : error;
  if (again === undefined) {
    options.onWritten([row]);
    options.onGraphRefused?.(row.path, `the database refused its graph: ${why}`);
    return ok(undefined);
  }
  if (concernsTheRun(again)) return { ok: false, error: again };
  options.onRefused(row.path, `the database refused it: ${why}`);
  return ok(undefined);
}

async function attempt(options: WriterOptions, files: WholeFile[]): Promise<CogoError | undefined> {
  const { rpc, runId, signal } = options;
  for (let tries = 0; ; tries += 1) {
    const result = await rpc.call('index_put', { run_id: runId, files }, signal ? { signal } : {});
    if (result.ok) return undefined;
    const delay = (options.retryDelaysMs ?? RETRY_DELAYS_MS)[tries];
    const isTransient = result.error.code === 'unavailable' || result.error.code === 'timeout';
    if (!isTransient || delay === undefined || signal?.aborted) return result.error;
    await setTimeout(delay, undefined, signal ? { signal } : {}).catch(() => {}); // an abort shows in the next call
  }
}

function concernsTheRun(error: CogoError): boolean {
  return !['bad_request', 'validation_failed', 'payload_too_large', 'internal'].includes(error.code);
}
