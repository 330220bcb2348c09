import type { Result } from '@cogo/spec/result.ts';

/** Something happened on a topic: `jobs:{id}`, `agents:{executor}`, `trace:{id}`. */
export interface Hint {
  topic: string;
  event: string;
  payload: Record<string, unknown>;
}

/**
 * Hints between those who serve and follow jobs. Lossy: a hint may be late, twice or never, and says nothing that the tables do not
 * say as well, so every subscriber also looks by itself, slowly.
 */
export interface RealtimeBus {
  /**
   * Calls back for each hint of a topic from `onJoin` on, which comes again after an interruption: what was said meanwhile is lost.
   * A topic the caller may not read never joins. Returns how to end it.
   */
  subscribe(topic: string, onHint: (hint: Hint) => void, onJoin?: () => void): () => void;
  /** Errors: `forbidden` a topic the caller may not write to, `unavailable`. */
  publish(hint: Hint): Promise<Result<void>>;
  /** Ends every subscription. */
  close(): void;
}
