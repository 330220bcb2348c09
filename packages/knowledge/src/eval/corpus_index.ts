import type { Rpc } from '@cogo/client/rpc.ts';
import { ok, type Result } from '@cogo/spec/result.ts';
import { contentHash, EXTRACTOR_VERSION, type FileRow, fileRow } from '../document.ts';
import { indexWriter } from '../index_writer.ts';
import type { RawChunk } from '../languages/chunk.ts';
import { withOutline } from '../languages/outline.ts';
import type { CorpusRow } from './label_files.ts';

export interface IndexedCorpus {
  /** chunk path and ordinal -> `_id`. */
  idOf: (path: string, startLine: number) => string | undefined;
  chunks: number;
}

/**
 * Writes a corpus as the indexer writes a repository: the same rows, tokens and vectors. A row is one chunk; its title
 * is its heading. Rows with the same `path`, or neighbours with the same title, are the chunks of one file, and
 * share its key terms as they would in a repository. Ids are not searchable: they often spell the answer.
 */
export async function indexCorpus(
  rpc: Rpc,
  projectId: string,
  corpus: readonly CorpusRow[],
  onProgress: (chunks: number) => void,
  signal?: AbortSignal,
): Promise<Result<IndexedCorpus>> {
  const call = signal ? { signal } : {};
  const begun = await rpc.call<{ run_id: string }>(
    'index_begin',
    { project_id: projectId, repo: 'corpus', commit_sha: null, meta: {} },
    call,
  );
  if (!begun.ok) return begun;
  let chunks = 0;
  let refused: Result<never> | undefined;
  const writer = indexWriter({
    rpc,
    runId: begun.value.run_id,
    signal,
    onRefused: (path, why) => {
      refused ??= { ok: false, error: { code: 'internal', message: `${path}: ${why}` } as never };
    },
    onWritten: (rows) => {
      for (const row of rows) chunks += row.chunks.length;
      onProgress(chunks);
    },
  });
  const ids = new Map<string, string>();
  for (const [index, rows] of documentsOf(corpus).entries()) {
    const path = rows[0]!.path ?? String(index);
    const raw = chunksOf(rows);
    rows.forEach((row, at) => {
      ids.set(`${path}:${raw[at]!.startLine}`, row.id);
    });
    const kept = raw.filter((chunk) => chunk.text.trim() !== '');
    if (kept.length === 0) continue;
    const added = await writer.add(rowOf(path, rows[0]!.path !== undefined, kept));
    if (!added.ok) return added;
  }
  const flushed = await writer.flush();
  if (!flushed.ok) return flushed;
  if (refused) return refused;
  const finished = await rpc.call('index_finish', { run_id: begun.value.run_id, stats: {} }, call);
  if (!finished.ok) return finished;
  return ok({ chunks, idOf: (path, startLine) => ids.get(`${path}:${startLine}`) });
}

function documentsOf(corpus: readonly CorpusRow[]): CorpusRow[][] {
  const documents: CorpusRow[][] = [];
  const byPath = new Map<string, CorpusRow[]>();
  let last: CorpusRow | undefined;
  for (const row of corpus) {
    const known =
      row.path !== undefined
        ? byPath.get(row.path)
        : last && last.path === undefined && last.title !== '' && last.title === row.title
          ? documents.at(-1)
          : undefined;
    if (known) known.push(row);
    else {
      const rows = [row];
      documents.push(rows);
      if (row.path !== undefined) byPath.set(row.path, rows);
    }
    last = row;
  }
  return documents;
}

/** Rows that define something are code, and all rows of their document with them: windows, as of a file without a parser. */
function chunksOf(rows: CorpusRow[]): RawChunk[] {
  const outlined = rows.map((row, at) => withOutline(chunkOf(row, at)));
  const isCode = outlined.some((chunk) => chunk.names.some((name) => name !== chunk.heading));
  return isCode ? outlined.map((chunk) => ({ ...chunk, kind: 'window' })) : rows.map(chunkOf);
}

/** Rows have no line numbers: the n-th row of a document stands for its n-th millionth line. */
function chunkOf(row: CorpusRow, at: number): RawChunk {
  const startLine = at * 1_000_000 + 1;
  const text = row.text.replaceAll('\0', ' ');
  return {
    kind: row.title === '' ? 'window' : 'section',
    ...(row.title === '' ? {} : { heading: row.title }),
    names: row.title === '' ? [] : [row.title],
    startLine,
    endLine: startLine + text.split('\n').length - 1,
    text,
    docLines: 0,
  };
}

function rowOf(path: string, isPathSearchable: boolean, chunks: RawChunk[]): FileRow {
  const text = chunks.map((chunk) => chunk.text).join('\n');
  return fileRow({
    path,
    searchablePath: isPathSearchable ? path : '',
    content_hash: contentHash(text),
    language: 'text',
    bytes: text.length,
    extractor: EXTRACTOR_VERSION,
    chunks,
  });
}
