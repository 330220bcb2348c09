import { contentHash, documentRow, EXTRACTOR_VERSION, type FileRow } from './document.ts';
import { decodeText, skipByContent } from './policy/content_policy.ts';
import { chunkGraph } from './graph/symbols/chunk_graph.ts';
import type { GraphReader } from './graph/symbols/file_graph.ts';
import { configSurface } from './graph/symbols/outlook.ts';
import type { FileGraph } from './graph/symbols/symbol.ts';
import { readSource } from './read_source.ts';
import type { Candidate } from './walk/candidates.ts';

export type ReadDocument =
  /** `graph`: its symbols and relationships, when they were asked for. */
  | { kind: 'row'; path: string; row: FileRow; graph?: FileGraph }
  | { kind: 'unchanged'; path: string }
  | { kind: 'gone'; path: string }
  /** `keep`: the version already indexed may stay. */
  | { kind: 'skipped'; path: string; why: string; keep: boolean };

/** Files read ahead of the one being parsed. */
const READ_AHEAD = 16;

/**
 * Every candidate as rows to write or the reason why not: the entries first, then what they import, and so on; then the
 * rest in order. So what a program is made of is in the index before its fixtures are, when a run is stopped and goes on
 * later. Throws only when aborted.
 */
export async function* readDocuments(
  candidates: Candidate[],
  known: ReadonlyMap<string, { content_hash: string; extractor: string }>,
  signal?: AbortSignal,
  graph?: GraphReader,
  entries: readonly string[] = [],
): AsyncGenerator<ReadDocument> {
  const waiting = new Map(candidates.map((one) => [one.path, one]));
  const rest = waiting.values();
  const near: Candidate[] = [];
  const ahead: Array<{ candidate: Candidate; read: ReturnType<typeof readSource> }> = [];
  const approach = (paths: Iterable<string>): void => {
    for (const path of paths) {
      const found = waiting.get(path);
      if (found) near.push(found);
      waiting.delete(path);
    }
  };
  const next = (): Candidate | undefined => {
    if (near.length > 0) return near.shift();
    // what is being read may still lead on to files that are nearer than the rest
    if (ahead.length > 0 && entries.length > 0 && !isPast) return undefined;
    isPast = true;
    const one = rest.next().value as Candidate | undefined;
    if (one) waiting.delete(one.path);
    return one;
  };
  let isPast = false;
  approach(entries);
  for (;;) {
    signal?.throwIfAborted();
    while (ahead.length <= READ_AHEAD) {
      const candidate = next();
      if (!candidate) break;
      ahead.push({ candidate, read: readSource(candidate.file) });
    }
    const first = ahead.shift();
    if (!first) return;
    const { path } = first.candidate;
    const read = await first.read;
    if (read.kind === 'gone') yield { kind: 'gone', path };
    else if (read.kind === 'skipped') yield { ...read, path };
    else {
      const document = await toDocument(path, read.bytes, known.get(path), graph);
      if (!isPast && document.kind === 'row' && document.graph) approach(importsOf(document.graph));
      yield document;
    }
  }
}

function* importsOf({ edges }: FileGraph): Generator<string> {
  for (const { kind, to } of edges) if (kind === 'imports') yield to;
}

async function toDocument(
  path: string,
  bytes: Buffer,
  before: { content_hash: string; extractor: string } | undefined,
  graph: GraphReader | undefined,
): Promise<ReadDocument> {
  if (before?.extractor === EXTRACTOR_VERSION && before.content_hash === contentHash(bytes)) {
    return { kind: 'unchanged', path };
  }
  try {
    const decoded = decodeText(bytes);
    if (!decoded.ok) return { kind: 'skipped', path, why: decoded.why, keep: false };
    const why = skipByContent(decoded.text, path);
    if (why !== undefined) return { kind: 'skipped', path, why, keep: false };
    const row = await documentRow(path, bytes, decoded.text);
    return { kind: 'row', path, row, ...(graph ? { graph: readGraph(graph, row, decoded.text) } : {}) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { kind: 'skipped', path, why: `could not be cut into chunks: ${message}`, keep: false };
  }
}

/** A file whose graph cannot be read is still indexed as text: what its chunks name is its graph then. */
function readGraph(reader: GraphReader, row: FileRow, text: string): FileGraph {
  try {
    const read = reader.read(row.path, text);
    if (read) return read;
    const surface = configSurface(row.path, text);
    return { ...chunkGraph(row.path, row.chunks), ...(surface === undefined ? {} : { surface }) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    row.warning ??= `its relationships could not be read: ${message}`;
    return chunkGraph(row.path, row.chunks);
  }
}
