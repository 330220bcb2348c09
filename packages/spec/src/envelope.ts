// The JSON envelope every function answers with.
import { z } from 'zod';
import { ERROR_SLUGS, type CogoError } from './errors.ts';
import { ENVELOPE_VERSION } from './version.ts';

/** Names the path that answered: `edge`, `embedded`, `provider:<name>`, `neo4j`, `postgres`, … */
export const via = z.string().regex(/^[a-z0-9_.-]+(:[A-Za-z0-9_.-]+)?$/);

export const failureEnvelope = z
  .object({
    ok: z.literal(false),
    error: z.enum(ERROR_SLUGS as [string, ...string[]]).describe('Stable slug; equal to `code`.'),
    code: z.enum(ERROR_SLUGS as [string, ...string[]]),
    message: z.string().describe('What happened, why, and what to do.'),
    via,
    retryable: z.boolean(),
    trace_id: z.string(),
    envelope_version: z.literal(ENVELOPE_VERSION),
    details: z.unknown().optional(),
  })
  .meta({ id: 'Failure', description: 'Every failed answer, and the data of an `error` frame.' });

export type FailureEnvelope = Omit<z.infer<typeof failureEnvelope>, 'error' | 'code'> & {
  error: CogoError['code'];
  code: CogoError['code'];
};

/** The schema of a successful answer: the payload's own fields beside the envelope's. */
export function success<S extends z.ZodRawShape>(shape: S) {
  return z.object({
    ok: z.literal(true),
    trace_id: z.string(),
    envelope_version: z.literal(ENVELOPE_VERSION),
    ...shape,
  });
}

export function successEnvelope<T extends Record<string, unknown>>(traceId: string, payload: T) {
  return { ok: true as const, trace_id: traceId, envelope_version: ENVELOPE_VERSION, ...payload };
}

export function failureOf(error: CogoError, traceId: string, viaName = 'edge'): FailureEnvelope {
  return {
    ok: false,
    error: error.code,
    code: error.code,
    message: error.message,
    via: viaName,
    retryable: error.retryable,
    trace_id: traceId,
    envelope_version: ENVELOPE_VERSION,
    ...(error.details === undefined ? {} : { details: error.details }),
  };
}
