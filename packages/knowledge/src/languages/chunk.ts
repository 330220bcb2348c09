import type { SourceText } from '../source_text.ts';

export type ChunkKind =
  | 'function'
  | 'class'
  | 'method'
  | 'interface'
  | 'type'
  | 'enum'
  | 'variable'
  | 'namespace'
  | 'module'
  | 'test'
  | 'section'
  | 'table'
  | 'view'
  | 'index'
  | 'trigger'
  | 'policy'
  | 'schema'
  | 'statement'
  | 'key'
  | 'window';

/** A stretch of source lines with what a reader would call it. Not yet tokenised. */
export interface RawChunk {
  kind: ChunkKind;
  /** The one name a search for it would use: `Indexer.run`, `cogo_api.search`. */
  symbol?: string;
  /** One line, no body. */
  signature?: string;
  /** Heading chain of a document (`Install > Linux`) or the title of a test. */
  heading?: string;
  /** 1-based, inclusive. */
  startLine: number;
  endLine: number;
  /** Exactly the lines `startLine..endLine`, so that a quote from it verifies against the file. */
  text: string;
  /** Leading lines of `text` that are the comment on the symbol. */
  docLines: number;
  /** Further lines of `text` (from 0) that say what it is about: comments, docstrings. */
  comments?: number[];
  /** Every name defined here (a declaration may define several). */
  names: string[];
}

export interface Chunked {
  chunks: RawChunk[];
  /** What made the result less exact than the language allows. */
  warning?: string;
}

export type Chunker = (source: SourceText) => Chunked | Promise<Chunked>;

/** Above this a symbol is split on lines. UTF-16 units; about 700 tokens of code. */
export const MAX_CHUNK_CHARS = 2500;
