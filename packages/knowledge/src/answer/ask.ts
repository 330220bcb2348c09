import { ok, type Result } from '@cogo/spec/result.ts';
import { answerExtractive, type ExtractiveAnswer } from './extractive.ts';
import { search, type SearchAnswer, type SearchOptions } from './search.ts';

export interface Asked {
  answer: ExtractiveAnswer;
  found: SearchAnswer;
}

/** Searches and answers in one step, without a language model: what `chat` does with the embedded answerer. */
export async function ask(options: SearchOptions): Promise<Result<Asked>> {
  const found = await search({ limit: 8, ...options });
  if (!found.ok) return found;
  const { items, lexicon } = found.value;
  const answer = answerExtractive({ question: options.q, spans: items, ...(lexicon ? { lexicon } : {}) });
  return ok({ answer, found: found.value });
}
