import type { Result } from '@cogo/spec/result.ts';
import type { ModelRef } from '../embed/question_vectors.ts';

/** The part of `Rpc` of `@cogo/client` that answers need; repeated so that functions do not import the client. */
export interface CallRpc {
  call<T = unknown>(
    fn: string,
    args?: Record<string, unknown>,
    opts?: { signal?: AbortSignal },
  ): Promise<Result<T>>;
}

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
