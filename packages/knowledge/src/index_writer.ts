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
  /** After an end before its time: the paths of which it is not known whether the database has them whole. */
  doubtful(): Promise<string[]>;
}

/** Sends files to an index run in batches. An error that concerns the run (not a file) ends the writing. */
export function indexWriter(options: WriterOptions): Writer {
  let batch: FileRow[] = [];
  let graphs = new Map<string, FileGraph>();
  let bytes = 0;
  let underway: Promise<Result<void>> = Promise.resolve(ok(undefined));
  let unanswered: string[] = [];

  async function send(): Promise<Result<void>> {
    const before = await underway;
    if (!before.ok) return before;
    const rows = batch;
    const withThem = graphs;
    batch = [];
    graphs = new Map();
    bytes = 0;
    if (rows.length > 0) {
      unanswered = rows.map((row) => row.path);
      underway = putBoth(options, rows, withThem);
    }
    return ok(undefined);
  }

  return {
    async add(row, graph) {
      batch.push(row);
      if (graph) graphs.set(row.path, graph);
      bytes += weight(row) + (graph ? 150 * (graph.nodes.length + graph.edges.length) : 0);
      return bytes >= (options.batchBytes ?? BATCH_BYTES) ? await send() : ok(undefined);
    },
    async flush() {
      const sent = await send();
      return sent.ok ? await underway : sent;
    },
    async doubtful() {
      const last = await underway;
      return last.ok ? [] : unanswered;
    },
  };
}

/** Size of a row as JSON, roughly: token maps are about as long as the text they come from. */
function weight(row: FileRow): number {
  return row.chunks.reduce(
    (sum, one) => sum + one.text.length * 2.5 + (one.embedding?.length ?? 0) + 400,
    300,
  );
}

async function putBoth(
  options: WriterOptions,
  rows: FileRow[],
  graphs: ReadonlyMap<string, FileGraph>,
): Promise<Result<void>> {
  const taken: FileGraph[] = [];
  const onWritten = (files: FileRow[]) => {
    for (const { path } of files) taken.push(...(graphs.get(path) ? [graphs.get(path)!] : []));
    options.onWritten(files);
  };
  const result = await put({ ...options, onWritten }, rows);
  return result.ok && taken.length > 0 ? await putGraphs(options, taken) : result;
}

async function putGraphs(options: WriterOptions, files: FileGraph[]): Promise<Result<void>> {
  const error = await attempt(options, 'index_graph', files);
  if (error === undefined) return ok(undefined);
  if (concernsTheRun(error)) return { ok: false, error };
  if (files.length === 1) {
    options.onGraphRefused?.(
      files[0]!.path,
      `the database refused its graph: ${error.message} (${error.code})`,
    );
    return ok(undefined);
  }
  const middle = files.length >> 1;
  const first = await putGraphs(options, files.slice(0, middle));
  return first.ok ? await putGraphs(options, files.slice(middle)) : first;
}

async function put(options: WriterOptions, rows: FileRow[]): Promise<Result<void>> {
  const error = await attempt(options, 'index_put', rows);
  if (error === undefined) {
    options.onWritten(rows);
    return ok(undefined);
  }
  if (concernsTheRun(error)) return { ok: false, error };
  if (rows.length === 1) {
    options.onRefused(rows[0]!.path, `the database refused it: ${error.message} (${error.code})`);
    return ok(undefined);
  }
  // The call is atomic, so one bad file fails its whole batch: halve until it stands alone.
  const middle = rows.length >> 1;
  const first = await put(options, rows.slice(0, middle));
  return first.ok ? await put(options, rows.slice(middle)) : first;
}

async function attempt(
  options: WriterOptions,
  fn: 'index_put' | 'index_graph',
  files: unknown[],
): Promise<CogoError | undefined> {
  const { rpc, runId, signal } = options;
  for (let tries = 0; ; tries += 1) {
    const result = await rpc.call(fn, { run_id: runId, files }, signal ? { signal } : {});
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
