import { z } from 'zod';
import { answerEmbedded, EMBEDDED } from '@cogo/knowledge/answer/embedded_answer.ts';
import { findAnswerEvidence, publicSpan } from '@cogo/knowledge/answer/find_evidence.ts';
import { searchFilter, strategy } from '@cogo/spec/schemas/evidence.ts';
import { refused } from '../executors/executor.ts';
import { type PlanHandler, valueOrFail } from './handler.ts';

const input = z.object({
  question: z.string().trim().min(1).max(4000),
  /** Spans to answer from. */
  limit: z.int().min(1).max(50).default(8),
  strategy: strategy.default('auto'),
  filter: searchFilter.optional(),
});

/**
 * `research.run`: {question, limit?, strategy?, filter?} -> {question, text, refused, citations, spans, route, strategy,
 * generation, usage, answerer}. Two steps, `search` and `answer`, by the code that serves rag and chat.
 */
export const researchRun: PlanHandler = {
  type: 'research.run',
  async run(job, context) {
    const asked = input.safeParse(job.payload);
    if (!asked.success) {
      const wrong = asked.error.issues[0]!;
      return refused(
        'validation_failed',
        'validation_failed',
        `payload.${wrong.path.join('.') || 'question'}: ${wrong.message}. research.run needs {question, limit?, strategy?, filter?}.`,
      );
    }
    const { question, limit, filter } = asked.data;
    context.progress({ step: 'search', question });
    const found = await context.step('search', async () =>
      valueOrFail(
        await findAnswerEvidence({
          rpc: context.rpc,
          projectId: job.projectId,
          q: question,
          limit,
          strategy: asked.data.strategy,
          filter,
          signal: context.signal,
        }),
      ),
    );
    const { answer, usage } = await context.step('answer', () =>
      valueOrFail(answerEmbedded(question, found)),
    );
    const { items, route, strategy: used, generation } = found;
    return {
      kind: 'finished',
      result: {
        question,
        text: answer.text,
        refused: answer.refused,
        citations: answer.citations,
        spans: items.map(publicSpan),
        route,
        strategy: used,
        generation,
        usage,
        answerer: EMBEDDED,
      },
    };
  },
};
