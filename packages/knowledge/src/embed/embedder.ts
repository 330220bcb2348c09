import type { CogoError } from '@cogo/spec/errors.ts';
import type { Result } from '@cogo/spec/result.ts';

/** What became of one text: a vector of norm 1, or why there is none. `final`: asking again is of no use. */
export type Embedded =
  | { ok: true; vector: Float32Array; cut: boolean }
  | { ok: false; error: Pick<CogoError, 'code' | 'message'>; final: boolean };

export interface EmbedOptions {
  kind: 'document' | 'question';
  signal?: AbortSignal | undefined;
}

/** Makes vectors of texts with one model. */
export interface Embedder {
  readonly name: string;
  readonly dims: number;
  /** Texts worth sending in one call. */
  readonly batch: number;
  readonly concurrency: number;
  readonly maxTokens: number;
  /**
   * One outcome per text, in order; never throws. A text without a word is refused without being sent. An error of the whole: the
   * provider cannot be used now (`rate_limited`, `timeout`, `unavailable`, with `details.retry_after_s` where it said so), or not at
   * all as configured (`provider_error` with `retryable: false`), or `aborted`.
   */
  embed(texts: string[], options: EmbedOptions): Promise<Result<Embedded[]>>;
}
