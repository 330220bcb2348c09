import { createHash } from 'node:crypto';
import { documentVector, HASH_MODEL_ID, toHalfvecText } from '@cogo/spec/hash_embedding.ts';
import { soundOfEnglish } from '@cogo/spec/sound_key.ts';
import { scanWords, termCounts, TOKENIZER_VERSION, tokenize } from '@cogo/spec/tokenize.ts';
import { type FileRole, isBarrel, roleOf } from './answer/path_role.ts';
import { type ChunkTokens, keyTerms } from './key_terms.ts';
import type { RawChunk } from './languages/chunk.ts';
import { languageOf } from './languages/detect.ts';
import { sourceText } from './source_text.ts';

/** Raise a number when chunks or graph rows of the same file come out differently: every file is then indexed again. */
export const EXTRACTOR_VERSION = `chunks-5+graph-2+${TOKENIZER_VERSION}+${HASH_MODEL_ID}`;

/** One chunk as `cogo_api.index_put` takes it. */
export interface ChunkRow {
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
  tokens: Record<'path' | 'name' | 'doc' | 'body', Record<string, number>>;
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
  /** English terms of the chunks with how they sound. */
  sounds: Record<string, string>;
  chunks: ChunkRow[];
}

export function contentHash(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Parses, cuts and tokenises one file. `bytes` only for its hash and size; `text` is what it decodes to. */
export async function documentRow(path: string, bytes: Uint8Array, text: string): Promise<FileRow> {
  const language = languageOf(path);
  const source = sourceText(path, text);
  const { chunks, warning } = await language.chunk(source);
  return fileRow({
    path,
    content_hash: contentHash(bytes),
    language: language.id,
    bytes: bytes.byteLength,
    extractor: EXTRACTOR_VERSION,
    ...(warning === undefined ? {} : { warning }),
    chunks,
  });
}

/** Tokenises the chunks of one file. `searchablePath` when it is not found by its own. */
export function fileRow(
  file: Omit<FileRow, 'chunks' | 'role' | 'base_terms' | 'folder_terms' | 'sounds'> & {
    chunks: RawChunk[];
    searchablePath?: string;
  },
): FileRow {
  const { searchablePath, chunks, ...rest } = file;
  const path = searchablePath ?? file.path;
  const pathTokens = tokenize(path);
  const tokens = chunks.map(tokensOf);
  // A document of one chunk says itself what it is about.
  const context = chunks.length > 1 ? keyTerms(pathTokens, tokens) : [];
  const pathTerms = termCounts(pathTokens);
  const role = roleOf(path, file.language);
  const slash = path.lastIndexOf('/');
  return {
    ...rest,
    ...(role === undefined ? {} : { role }),
    base_terms: wordsOf(path.slice(slash + 1).replace(/\.[^.]*$/, '')),
    folder_terms: wordsOf(path.slice(0, Math.max(slash, 0))),
    sounds: soundsOf(chunks),
    chunks: chunks.map((chunk, ordinal) => {
      const { name, doc, body } = tokens[ordinal]!;
      const header = [path, chunk.symbol ?? chunk.heading].filter((part) => part !== undefined).join(' > ');
      const text = `${header}\n${chunk.text}`;
      return {
        ordinal,
        kind: chunk.kind,
        ...(chunk.symbol === undefined ? {} : { symbol: chunk.symbol }),
        ...(chunk.signature === undefined ? {} : { signature: chunk.signature }),
        ...(chunk.heading === undefined ? {} : { heading: chunk.heading }),
        start_line: chunk.startLine,
        end_line: chunk.endLine,
        text: chunk.text,
        content_hash: contentHash(text),
        tokens: {
          path: pathTerms,
          name: termCounts(name),
          doc: termCounts(doc),
          body: termCounts(body.concat(context)),
        },
        length: name.length + doc.length + body.length + context.length,
        name_terms: wordsOf(chunk.symbol ?? chunk.heading?.split(' > ').at(-1) ?? ''),
        ...(isBarrel(chunk) ? { is_barrel: true } : {}),
        embedding: toHalfvecText(documentVector(`${text}\n${context.join(' ')}`)),
      };
    }),
  };
}

/** Distinct tokens of a name. */
function wordsOf(name: string): string[] {
  return [...new Set(tokenize(name.replace(/\W+/gu, (gap) => (/\p{L}/u.test(gap) ? gap : ' '))))];
}

/** Of each term the sound of its shortest form: terms are stems, and `reduc` sounds unlike `reducer`. */
function soundsOf(chunks: readonly RawChunk[]): Record<string, string> {
  const shortest = new Map<string, string>();
  for (const chunk of chunks) {
    for (const { pieces } of scanWords(`${chunk.names.join(' ')}\n${chunk.text}`)) {
      for (const { text, term } of pieces) {
        const known = shortest.get(term);
        if (known === undefined || text.length < known.length) shortest.set(term, text);
      }
    }
  }
  const sounds: Record<string, string> = {};
  for (const [term, text] of shortest) {
    const sound = soundOfEnglish(text);
    if (sound !== undefined) sounds[term] = sound;
  }
  return sounds;
}

function tokensOf(chunk: RawChunk): ChunkTokens {
  const lines = chunk.text.split('\n');
  return {
    name: tokenize(chunk.names.join(' ')),
    // The chain above a section says what it is about, as a comment does for a symbol.
    doc: tokenize(
      chunk.kind === 'section' ? (chunk.heading ?? '') : lines.slice(0, chunk.docLines).join('\n'),
    ),
    body: tokenize(lines.slice(chunk.docLines).join('\n')),
  };
}
