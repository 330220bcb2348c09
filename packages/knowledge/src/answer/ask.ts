import { ok, type Result } from '@cogo/spec/result.ts';
import { answerEmbedded } from './embedded_answer.ts';
import type { ExtractiveAnswer } from './extractive.ts';
import { findAnswerEvidence } from './find_evidence.ts';
import type { SearchAnswer, SearchOptions } from './search.ts';

export interface Asked {
  answer: ExtractiveAnswer;
  found: SearchAnswer;
}

/** Finds evidence, answers and verifies in one step, without a language model: what `chat` does with the embedded answerer. */
export async function ask(options: SearchOptions): Promise<Result<Asked>> {
  const { limit = 8, strategy = 'auto', ...question } = options;
  const found = await findAnswerEvidence({ ...question, limit, strategy });
  if (!found.ok) return found;
  const answered = answerEmbedded(options.q, found.value);
  return answered.ok ? ok({ answer: answered.value.answer, found: found.value }) : answered;
}
