import { createHash } from 'node:crypto';
import { documentVector, HASH_MODEL_ID, toHalfvecText } from '@cogo/spec/hash_embedding.ts';
import { termCounts, TOKENIZER_VERSION, tokenize } from '@cogo/spec/tokenize.ts';
import { type ChunkTokens, keyTerms } from './key_terms.ts';
import type { RawChunk } from './languages/chunk.ts';
import { languageOf } from './languages/detect.ts';
import { sourceText } from './source_text.ts';

/** Raise a number when chunks or graph rows of the same file come out differently: every file is then indexed again. */
export const EXTRACTOR_VERSION = `chunks-5+graph-1+${TOKENIZER_VERSION}+${HASH_MODEL_ID}`;

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
  file: Omit<FileRow, 'chunks'> & { chunks: RawChunk[]; searchablePath?: string },
): FileRow {
  const { searchablePath, chunks, ...rest } = file;
  const path = searchablePath ?? file.path;
  const pathTokens = tokenize(path);
  const tokens = chunks.map(tokensOf);
  const context = keyTerms(pathTokens, tokens);
  const pathTerms = termCounts(pathTokens);
  return {
    ...rest,
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
        embedding: toHalfvecText(documentVector(`${text}\n${context.join(' ')}`)),
      };
    }),
  };
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
