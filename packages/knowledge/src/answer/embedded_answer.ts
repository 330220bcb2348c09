import { answerExtractive, type ExtractiveAnswer } from './extractive.ts';
import type { SearchAnswer } from './search.ts';
import type { Usage } from '@cogo/spec/schemas/evidence.ts';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { groundingFault, verified } from './grounded.ts';

export const EMBEDDED = {
  provider: 'cogo-embedded',
  mode: 'extractive',
  model: 'cogo-extractive-v1',
} as const;

export interface EmbeddedAnswer {
  answer: ExtractiveAnswer;
  usage: Usage;
}

/** Answers from the evidence alone, without a model; refuses when nothing supports an answer. */
export function answerEmbedded(question: string, found: SearchAnswer): Result<EmbeddedAnswer> {
  const { items, lexicon } = found;
  const drafted = answerExtractive({ question, spans: items, ...(lexicon ? { lexicon } : {}) });
  const fault = groundingFault(drafted, items);
  if (fault !== undefined) {
    return failure(
      'internal',
      `The answer was withheld because it was not grounded: ${fault}. Report the trace id.`,
    );
  }
  const answer = drafted.refused
    ? drafted
    : (verified(drafted, items, lexicon) ?? answerExtractive({ question, spans: [] }));
  const prompt = countWords(question, ...items.map((item) => item.text));
  const completion = countWords(answer.text);
  return ok({
    answer,
    usage: {
      prompt_tokens: prompt,
      completion_tokens: completion,
      total_tokens: prompt + completion,
      cost_usd: 0,
    },
  });
}

/**
 * The embedded answerer runs no model and so has no model's tokens. It is metered in words (runs of non-space),
 * of what it read and of what it wrote.
 */
export function countWords(...texts: string[]): number {
  return texts.reduce((sum, text) => sum + (text.match(/\S+/g)?.length ?? 0), 0);
}
