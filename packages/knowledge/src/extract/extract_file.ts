import { contentHash, documentRow, extractorFor, type FileRow, isCurrent } from '../document.ts';
import { chunkGraph } from '../graph/symbols/chunk_graph.ts';
import {
  type FactsReader,
  factsReader,
  type FileFacts,
  type GraphInput,
  PYTHON_FILE,
} from '../graph/symbols/file_facts.ts';
import { configSurface } from '../graph/symbols/outlook.ts';
import type { FileGraph } from '../graph/symbols/symbol.ts';
import { loadPython } from '../languages/python_syntax.ts';
import { decodeText, skipByContent } from '../policy/content_policy.ts';
import { type ReadFile, readSource } from '../read_source.ts';

/** What the files of one run are read for. */
export interface ExtractInput {
  /** Symbols and relationships are wanted. */
  graph?: GraphInput;
}

export interface ExtractRequest {
  path: string;
  /** Absolute. */
  file: string;
  /** What the index has of it. */
  before?: { content_hash: string; extractor: string } | undefined;
}

/** What one file says by itself. Plain data: it may come from another thread. */
export type Extracted =
  /** `facts`: still to be linked with those of other files. `graph`: it needs none. */
  | { kind: 'row'; path: string; row: FileRow; facts?: FileFacts; graph?: FileGraph }
  | { kind: 'unchanged'; path: string }
  | { kind: 'gone'; path: string }
  /** `keep`: the version already indexed may stay. */
  | { kind: 'skipped'; path: string; why: string; keep: boolean };

export interface Extractor {
  /** `read`: the reading of the file, when it was begun before. Never rejects for what is in a file. */
  extract(request: ExtractRequest, read?: Promise<ReadFile>): Promise<Extracted>;
  warnings(): string[];
}

/** Reads files one by one: decoded, cut into chunks, tokenised, and what they say for the graph. */
export function fileExtractor({ graph }: ExtractInput, reader?: () => FactsReader): Extractor {
  const types = graph?.allCalls === true;
  let made: FactsReader | undefined;
  const facts = reader ?? (() => (made ??= factsReader(graph!)));
  return { extract, warnings: () => made?.warnings() ?? [] };

  async function extract(
    { path, file, before }: ExtractRequest,
    read = readSource(file),
  ): Promise<Extracted> {
    const found = await read;
    if (found.kind === 'gone') return { kind: 'gone', path };
    if (found.kind === 'skipped') return { ...found, path };
    const { bytes } = found;
    const hash = contentHash(bytes);
    if (before?.content_hash === hash && isCurrent(before.extractor, path, types))
      return { kind: 'unchanged', path };
    try {
      const decoded = decodeText(bytes);
      if (!decoded.ok) return { kind: 'skipped', path, why: decoded.why, keep: false };
      const why = skipByContent(decoded.text, path);
      if (why !== undefined) return { kind: 'skipped', path, why, keep: false };
      const row = await documentRow(path, { hash, size: bytes.byteLength }, decoded.text);
      row.extractor = extractorFor(path, types);
      return { kind: 'row', path, row, ...(graph ? await graphOf(row, decoded.text) : {}) };
    } catch (error) {
      return { kind: 'skipped', path, why: `could not be cut into chunks: ${messageOf(error)}`, keep: false };
    }
  }

  /** A file whose graph cannot be read is still indexed as text: what its chunks name is its graph then. */
  async function graphOf(row: FileRow, text: string): Promise<{ facts: FileFacts } | { graph: FileGraph }> {
    const { path, chunks } = row;
    try {
      if (PYTHON_FILE.test(path)) await loadPython();
      const read = facts().read(path, text);
      if (read) return 'summary' in read ? { facts: read } : { graph: read };
      const surface = configSurface(path, text);
      return { graph: { ...chunkGraph(path, chunks), ...(surface === undefined ? {} : { surface }) } };
    } catch (error) {
      return { graph: graphWithout(row, error) };
    }
  }
}

/** What is left of a file's graph when its relationships cannot be read; the row says so. */
export function graphWithout(row: FileRow, error: unknown): FileGraph {
  row.warning ??= `its relationships could not be read: ${messageOf(error)}`;
  return chunkGraph(row.path, row.chunks);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
