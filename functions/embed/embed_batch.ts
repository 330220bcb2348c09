import { documentVector, isZeroVector } from '@cogo/spec/hash_embedding.ts';
import type { EmbedItem, EmbedRequest } from '@cogo/spec/schemas/embed.ts';

/** Items of one `embed.chunk` frame, and of one step between two looks at the clock. */
export const BATCH_ITEMS = 64;
/** Keeps a request of full-size chunks under the 2 s of CPU a hosted function has. */
export const MAX_ITEMS = 256;

/** Vectors of some texts; a text without a word in it has an error instead, and its neighbours do not suffer. */
export function embedBatch(items: EmbedRequest['items']): EmbedItem[] {
  return items.map(({ id, text }) => {
    const vector = documentVector(text);
    if (!isZeroVector(vector)) return { id, embedding: Array.from(vector, rounded) };
    const why = text.trim() === '' ? 'The text is empty' : 'The text has no word in it';
    return { id, error: { code: 'validation_failed', message: `${why}: there is nothing to embed.` } };
  });
}

// Five significant digits, as toHalfvecText writes them: what is stored and what is answered are equal.
function rounded(value: number): number {
  return value === 0 ? 0 : Number(value.toPrecision(5));
}
