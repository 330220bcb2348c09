import { contentHash, documentRow, EXTRACTOR_VERSION, type FileRow } from './document.ts';
import { decodeText, skipByContent } from './policy/content_policy.ts';
import { chunkGraph } from './graph/symbols/chunk_graph.ts';
import type { GraphReader } from './graph/symbols/file_graph.ts';
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

/** Every candidate, in order, as rows to write or the reason why not. Throws only when aborted. */
export async function* readDocuments(
  candidates: Candidate[],
  known: ReadonlyMap<string, { content_hash: string; extractor: string }>,
  signal?: AbortSignal,
  graph?: GraphReader,
): AsyncGenerator<ReadDocument> {
  const ahead: Array<ReturnType<typeof readSource>> = [];
  for (const [index, candidate] of candidates.entries()) {
    signal?.throwIfAborted();
    while (ahead.length <= index + READ_AHEAD && ahead.length < candidates.length) {
      ahead.push(readSource(candidates[ahead.length]!.file));
    }
    const read = await ahead[index]!;
    delete ahead[index]; // its bytes need not outlive it
    const { path } = candidate;
    if (read.kind === 'gone') yield { kind: 'gone', path };
    else if (read.kind === 'skipped') yield { ...read, path };
    else yield await toDocument(path, read.bytes, known.get(path), graph);
  }
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
    return reader.read(row.path, text) ?? chunkGraph(row.path, row.chunks);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    row.warning ??= `its relationships could not be read: ${message}`;
    return chunkGraph(row.path, row.chunks);
  }
}
