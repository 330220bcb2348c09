import { setImmediate } from 'node:timers/promises';
import { type FileRow, isCurrent } from './document.ts';
import { type Extracted, fileExtractor, graphWithout } from './extract/extract_file.ts';
import { borrowThread, DEFAULT_THREADS, type ExtractThread } from './extract/threads.ts';
import type { FileFacts } from './graph/symbols/file_facts.ts';
import type { GraphReader } from './graph/symbols/file_graph.ts';
import type { FileGraph } from './graph/symbols/symbol.ts';
import { type ReadFile, readSource } from './read_source.ts';
import type { Candidate } from './walk/candidates.ts';

export type ReadDocument =
  /** `graph`: its symbols and relationships, when they were asked for. */
  { kind: 'row'; path: string; row: FileRow; graph?: FileGraph } | Exclude<Extracted, { kind: 'row' }>;

export interface ReadOptions {
  signal?: AbortSignal | undefined;
  /** Reads symbols and relationships too. */
  graph?: GraphReader | undefined;
  /** Where the program begins. */
  entries?: readonly string[];
  /** Beside this one; they are used where enough files are new. */
  threads?: number;
}

/** Files read ahead of the one that is handed out, alone and with threads. */
const AHEAD = 16;
const AHEAD_WITH_THREADS = 64;
/** Files that are new to the index and make threads worth their start. */
const WORTH_THREADS = 60;
/** Files a thread knows of: enough to go on with while this one is busy with a long file. */
const BACKLOG = 6;
/** Text of files that were read and wait for the summary of another; above it, such summaries are read for themselves. Bytes. */
const MAX_HELD = 4_000_000;

interface Job {
  candidate: Candidate;
  read?: Promise<ReadFile>;
  done?: Extracted;
}

/**
 * Every candidate as rows to write or the reason why not: the entries first, then what they import, and so on; then the
 * rest in order. So what a program is made of is in the index before its fixtures are, when a run is stopped and goes on
 * later. What a file says by itself is read by this thread and others at once, the same on any; here it is linked with
 * what other files say. Throws only when aborted.
 */
export async function* readDocuments(
  candidates: readonly Candidate[],
  known: ReadonlyMap<string, { content_hash: string; extractor: string }>,
  { signal, graph, entries = [], threads = DEFAULT_THREADS }: ReadOptions = {},
): AsyncGenerator<ReadDocument> {
  const types = graph?.input.allCalls === true;
  const input = graph ? { graph: graph.input } : {};
  const own = fileExtractor(input, graph?.facts);
  const helpers: ExtractThread[] = [];
  /** Not begun; then begun, in the order in which they are handed out. */
  const waiting = new Map(candidates.map((one) => [one.path, one]));
  const line: Job[] = [];
  const begun = new Map<string, Job>();
  /** Begun, and nobody reads them yet. */
  let todo: Job[] = [];
  const near: string[] = [...entries];
  const rest = candidates.values();
  let isPast = entries.length === 0;
  let unread = 0;
  let held = 0;
  let fresh = candidates.filter(({ path }) => !isCurrent(known.get(path)?.extractor, path, types)).length;
  let news: (() => void) | undefined;
  const wake = () => news?.();
  signal?.addEventListener('abort', wake);

  try {
    for (;;) {
      signal?.throwIfAborted();
      if (helpers.length < threads && fresh >= WORTH_THREADS) callHelpers();
      fill();
      const head = line[0];
      if (!head) return;
      const document = head.done && finished(head.done);
      if (document) {
        line.shift();
        begun.delete(head.candidate.path);
        if (head.done?.kind === 'row') held -= head.done.row.bytes;
        yield document;
      } else await progress();
    }
  } finally {
    signal?.removeEventListener('abort', wake);
    for (const helper of helpers) helper.release();
  }

  function callHelpers(): void {
    while (helpers.length < threads) {
      const helper = borrowThread();
      helper.open(input);
      helpers.push(helper);
    }
  }

  function fill(): void {
    const ahead = helpers.length > 0 ? AHEAD_WITH_THREADS : AHEAD;
    while (line.length < ahead) {
      const next = nextPath();
      if (next === undefined) break;
      begin(next);
    }
    for (const helper of helpers)
      while (helper.busy < BACKLOG && todo.length > 0) void send(helper, todo.shift()!);
  }

  function nextPath(): string | undefined {
    for (let path = near.shift(); path !== undefined; path = near.shift()) if (waiting.has(path)) return path;
    // what is being read may still lead on to files that are nearer than the rest
    if (unread > 0 && !isPast) return undefined;
    isPast = true;
    for (let one = rest.next(); !one.done; one = rest.next())
      if (waiting.has(one.value.path)) return one.value.path;
    return undefined;
  }

  function begin(path: string): Job {
    const candidate = waiting.get(path)!;
    const job: Job = { candidate };
    waiting.delete(path);
    begun.set(path, job);
    line.push(job);
    todo.push(job);
    unread += 1;
    if (helpers.length === 0) job.read = readSource(candidate.file);
    return job;
  }

  /** One file further on this thread, or, where others have them all, what comes first from them. */
  async function progress(): Promise<void> {
    const job = todo.shift();
    if (job) {
      await readHere(job);
      // what others have sent meanwhile
      if (helpers.length > 0) await setImmediate();
      return;
    }
    await new Promise<void>((resolve) => {
      news = resolve;
    });
  }

  async function readHere(job: Job): Promise<void> {
    take(job, await own.extract(requestOf(job), job.read));
  }

  async function send(helper: ExtractThread, job: Job): Promise<void> {
    try {
      const { extracted, warnings } = await helper.extract(requestOf(job));
      graph?.warn(warnings);
      take(job, extracted);
      fill();
    } catch {
      // the thread is gone: this one reads what it had
      todo.unshift(job);
    }
    wake();
  }

  function requestOf({ candidate: { path, file } }: Job) {
    return { path, file, before: known.get(path) };
  }

  function take(job: Job, extracted: Extracted): void {
    job.done = extracted;
    delete job.read;
    unread -= 1;
    if (extracted.kind !== 'row') return;
    held += extracted.row.bytes;
    if (isCurrent(known.get(extracted.path)?.extractor, extracted.path, types)) fresh += 1;
    if (extracted.facts) graph?.learn(extracted.facts.summary);
    if (!isPast) for (const path of importsOf(extracted)) near.push(path);
  }

  function isOnItsWay(path: string): boolean {
    const job = begun.get(path);
    return job ? job.done === undefined : waiting.has(path) && held < MAX_HELD;
  }

  /** Undefined while it waits for others. */
  function finished(extracted: Extracted): ReadDocument | undefined {
    if (extracted.kind !== 'row') return extracted;
    const { facts, ...document } = extracted;
    if (!facts || !graph) return document;
    const needs = facts.found.edges.filter((one) => one.provenance !== 'pattern' && isOnItsWay(one.to));
    for (const { to } of needs) hurry(to);
    if (needs.length > 0) return undefined;
    const linked = linkedGraph(facts, document.row);
    if ('needs' in linked) hurry(linked.needs);
    return 'needs' in linked ? undefined : { ...document, graph: linked };
  }

  function linkedGraph(facts: FileFacts, row: FileRow): FileGraph | { needs: string } {
    try {
      return graph!.link(facts, isOnItsWay);
    } catch (error) {
      return graphWithout(row, error);
    }
  }

  /** Others wait for this one. */
  function hurry(path: string): void {
    const job = waiting.has(path) ? begin(path) : begun.get(path)!;
    const at = todo.indexOf(job);
    if (at > 0) todo = [job, ...todo.slice(0, at), ...todo.slice(at + 1)];
  }
}

function importsOf({ facts, graph }: Extracted & { kind: 'row' }): string[] {
  if (facts) return facts.found.edges.map(({ to }) => to);
  return (graph?.edges ?? []).flatMap(({ kind, to }) => (kind === 'imports' ? [to] : []));
}
