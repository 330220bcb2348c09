import type { ModelRef } from '../embed/question_vectors.ts';

export type { CallRpc } from '@cogo/spec/rpc.ts';

/** A chunk as `cogo_api.search` and `get_chunks` return it: what an answer may quote. */
export interface Span {
  chunk_id: number | string;
  repo: string;
  path: string;
  language: string | null;
  kind: string;
  symbol: string | null;
  signature: string | null;
  heading: string | null;
  /** 1-based, inclusive; `text` is exactly these lines. */
  start_line: number;
  end_line: number;
  text: string;
  commit_sha: string | null;
  generation: number;
}

export interface ScoredSpan extends Span {
  score: number;
  /** How the score came about; with `explain`. */
  signals?: Record<string, number>;
}

/** How many published chunks hold each term, from `cogo_api.lexicon`. */
export interface Lexicon {
  n: number;
  avg_length?: number;
  /** When the project's vectors are of another model than hash-1024-v1. */
  model?: ModelRef;
  df: Record<string, number>;
}
