import { createHash } from 'node:crypto';
import { HASH_MODEL_ID, toSparseDirection, vectorOfWords } from '@cogo/spec/hash_embedding.ts';
import { scanWords, TOKENIZER_VERSION, tokenize, type Word } from '@cogo/spec/tokenize.ts';
import { type FileRole, isBarrel, roleOf } from './answer/path_role.ts';
import { type ChunkTerms, fileTerms } from './file_terms.ts';
import { CODE_FILE } from './graph/modules/module_graph.ts';
import { keyTerms } from './key_terms.ts';
import type { RawChunk } from './languages/chunk.ts';
import { languageOf } from './languages/detect.ts';
import { sourceText } from './source_text.ts';
import { soundsOf } from './term_sounds.ts';

/** Raise a number when chunks or graph rows of the same file come out differently: every file is then indexed again. */
export const EXTRACTOR_VERSION = `chunks-6+graph-2+${TOKENIZER_VERSION}+${HASH_MODEL_ID}`;

/** The version of what a run writes of a file: code whose calls a type checker was asked about is a version of its own. */
export function extractorFor(path: string, types: boolean): string {
  return types && CODE_FILE.test(path) ? `${EXTRACTOR_VERSION}+types` : EXTRACTOR_VERSION;
}

/** Whether the index has a file as a run would write it. What types said once is not taken back by a run that does not ask. */
export function isCurrent(extractor: string | undefined, path: string, types: boolean): boolean {
  return extractor === extractorFor(path, types) || extractor === extractorFor(path, true);
}

/** One chunk as `cogo_api.index_put` takes it. */
export interface ChunkRow extends ChunkTerms {
  ordinal: number;
  kind: string;
  symbol?: string;
  signature?: string;
  heading?: string;
  start_line: number;
  end_line: number;
  text: string;
  /** sha-256 of header and text, hex. */
  content_hash: string;
  /** Tokens of all fields but the path, which every chunk of a file shares. */
  length: number;
  /** Words of the symbol or heading, each once. */
  name_terms: string[];
  is_barrel?: boolean;
  embedding: string | null;
}

/** One file as `cogo_api.index_put` takes it. */
export interface FileRow {
  path: string;
  content_hash: string;
  language: string;
  bytes: number;
  extractor: string;
  warning?: string;
  role?: FileRole;
  /** Words of the file's name and of its folders, each once. */
  base_terms: string[];
  folder_terms: string[];
  /** Every term of its chunks once, and how English ones sound. */
  terms: string[];
  sounds: Record<string, string>;
  chunks: ChunkRow[];
}

export function contentHash(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Parses, cuts and tokenises one file. `bytes`: their hash and how many they are; `text` is what they decode to. */
export async function documentRow(
  path: string,
  bytes: { hash: string; size: number },
  text: string,
): Promise<FileRow> {
  const language = languageOf(path);
  const source = sourceText(path, text);
  const { chunks, warning } = await language.chunk(source);
  return fileRow({
    path,
    content_hash: bytes.hash,
    language: language.id,
    bytes: bytes.size,
    extractor: EXTRACTOR_VERSION,
    ...(warning === undefined ? {} : { warning }),
    chunks,
  });
}

/** Tokenises the chunks of one file. `searchablePath` when it is not found by its own. */
export function fileRow(
  file: Omit<FileRow, 'chunks' | 'role' | 'base_terms' | 'folder_terms' | 'terms' | 'sounds'> & {
    chunks: RawChunk[];
    searchablePath?: string;
  },
): FileRow {
  const { searchablePath, chunks, ...rest } = file;
  const path = searchablePath ?? file.path;
  const pathWords = scanWords(path);
  const scanned = chunks.map(scan);
  const terms = fileTerms(pathWords);
  const tokens = scanned.map(({ name, doc, body }) => ({
    name: terms.places(name),
    doc: terms.places(doc),
    body: terms.places(body),
  }));
  // A document of one chunk says itself what it is about.
  const context = chunks.length > 1 ? keyTerms(terms.all, terms.places(pathWords), tokens) : [];
  const contextWords = scanWords(context.join(' '));
  // what is a term already is not taken apart again
  const contextPlaces = terms.places(context.map((term) => ({ tokens: [term], pieces: [] })));
  const role = roleOf(path, file.language);
  const slash = path.lastIndexOf('/');
  const rows = chunks.map((chunk, ordinal) => {
    const { name, doc, body } = tokens[ordinal]!;
    const { head, comment, body: bodyWords } = scanned[ordinal]!;
    const header = [path, chunk.symbol ?? chunk.heading].filter((part) => part !== undefined).join(' > ');
    return {
      ordinal,
      kind: chunk.kind,
      ...(chunk.symbol === undefined ? {} : { symbol: chunk.symbol }),
      ...(chunk.signature === undefined ? {} : { signature: chunk.signature }),
      ...(chunk.heading === undefined ? {} : { heading: chunk.heading }),
      start_line: chunk.startLine,
      end_line: chunk.endLine,
      text: chunk.text,
      content_hash: contentHash(`${header}\n${chunk.text}`),
      ...terms.count(name, doc, body, contextPlaces),
      length: name.length + doc.length + body.length + context.length,
      name_terms: wordsOf(nameOf(chunk)),
      ...(isBarrel(chunk) ? { is_barrel: true } : {}),
      embedding: toSparseDirection(vectorOfWords([pathWords, head, comment, bodyWords, contextWords])),
    };
  });
  return {
    ...rest,
    ...(role === undefined ? {} : { role }),
    base_terms: wordsOf(path.slice(slash + 1).replace(/\.[^.]*$/, '')),
    folder_terms: wordsOf(path.slice(0, Math.max(slash, 0))),
    terms: chunks.length === 0 ? [] : terms.all,
    sounds: soundsOf(scanned),
    chunks: rows,
  };
}

/** What a reader would call a chunk: windows of code by the first thing they define. */
function nameOf(chunk: RawChunk): string {
  const first = chunk.kind === 'window' ? chunk.names[0] : undefined;
  return chunk.symbol ?? first ?? chunk.heading?.split(' > ').at(-1) ?? '';
}

/** Distinct tokens of a name. */
function wordsOf(name: string): string[] {
  return [...new Set(tokenize(name.replace(/\W+/gu, (gap) => (/\p{L}/u.test(gap) ? gap : ' '))))];
}

/** A chunk's words, each read once: for its terms, its vector and their sounds. */
interface Scanned {
  name: Word[];
  doc: Word[];
  body: Word[];
  /** What stands above the text, and its comments. */
  head: Word[];
  comment: Word[];
}

function scan(chunk: RawChunk): Scanned {
  const [says, does] = partsOf(chunk);
  const comment = scanWords(says);
  const head = scanWords(chunk.symbol ?? chunk.heading ?? '');
  return {
    name: scanWords(chunk.names.join(' ')),
    // The chain above a section says what it is about, as a comment does for a symbol.
    doc: chunk.kind === 'section' ? scanWords(chunk.heading ?? '') : comment,
    body: scanWords(does),
    head,
    comment,
  };
}

/** A chunk's comments, and the rest of it. */
function partsOf({ text, docLines, comments }: RawChunk): [string, string] {
  if (comments === undefined || comments.length === 0) {
    const cut = endOfLines(text, docLines);
    return [text.slice(0, cut), text.slice(cut)];
  }
  const marked = new Set(comments);
  const says: string[] = [];
  const does: string[] = [];
  for (const [at, line] of text.split('\n').entries())
    (at < docLines || marked.has(at) ? says : does).push(line);
  return [says.join('\n'), does.join('\n')];
}

/** Offset after the first lines of a text. */
function endOfLines(text: string, lines: number): number {
  let at = 0;
  for (let line = 0; line < lines; line += 1) {
    const end = text.indexOf('\n', at);
    if (end < 0) return text.length;
    at = end + 1;
  }
  return at;
}
