import { z } from 'zod';
import type { Embedder } from '@cogo/knowledge/embed/embedder.ts';
import { embedderNamed, processEmbedders } from '@cogo/knowledge/embed/environment.ts';
import { fillModel } from '@cogo/knowledge/embed/fill.ts';
import type { CogoError } from '@cogo/spec/errors.ts';
import type { Result } from '@cogo/spec/result.ts';
import { refused, type Outcome } from '../executors/executor.ts';
import { type PlanHandler, StepFailure, valueOrFail } from './handler.ts';

const input = z.object({ model: z.string().min(1) });

/** One step: short enough to fit what a request of an Edge Function may take several times over. */
const ROUND_MS = 15_000;

/**
 * `embed.fill {model}`: gives the chunks of a project that wait for a vector of a model theirs, round by round. Result:
 * `{model, stored, failed, left}`. A provider that is down or full is tried again when it says; one that is not configured here, or
 * has become another model, is a dead letter.
 */
export function embedFill(embedders: () => Result<ReadonlyMap<string, Embedder>>): PlanHandler {
  return {
    type: 'embed.fill',
    async run(job, context) {
      const payload = input.safeParse(job.payload);
      if (!payload.success) {
        return refused(
          'validation_failed',
          'validation_failed',
          'The payload must name the model: {"model": "…"}.',
        );
      }
      const { model } = payload.data;
      const configured = embedders();
      if (!configured.ok) return failed(configured.error);
      const embedder = embedderNamed(configured.value, model);
      if (!embedder.ok) return failed(embedder.error);
      const sum = { model, stored: 0, failed: 0, left: 0 };
      for (let round = 1; ; round += 1) {
        const done = await context
          .step(`round ${round}`, async () =>
            valueOrFail(
              await fillModel({
                rpc: context.rpc,
                projectId: job.projectId,
                embedder: embedder.value,
                signal: context.signal,
                budgetMs: ROUND_MS,
                onProgress: (now) => context.progress({ stored: sum.stored + now.stored, left: now.left }),
              }),
            ),
          )
          .catch((thrown: unknown) => {
            if (thrown instanceof StepFailure) return thrown.error;
            throw thrown;
          });
        if ('code' in done) return failed(done);
        sum.stored += done.stored;
        sum.failed += done.failed;
        sum.left = done.left;
        const { left, nextInS, stored } = done;
        if (left === 0) return { kind: 'finished', result: sum };
        if (stored > 0) continue;
        // Held by another filler, or put off after a failure.
        const message = `${left} chunks are held by others or put off.`;
        return {
          kind: 'failed',
          error: { code: 'unavailable', message, reason: 'dependency_unavailable' },
          retryable: true,
          retryAfterS: Math.max(1, nextInS ?? 30),
        };
      }
    },
  };
}

function failed(error: CogoError): Outcome {
  const after = (error.details as { retry_after_s?: unknown } | undefined)?.retry_after_s;
  return {
    kind: 'failed',
    error: { code: error.code, message: error.message, reason: 'dependency_unavailable' },
    retryable: error.retryable,
    ...(typeof after === 'number' ? { retryAfterS: after } : {}),
  };
}

export const embedFillHere = embedFill(processEmbedders);
