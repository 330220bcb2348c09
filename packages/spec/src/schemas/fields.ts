// Fields that several functions share.
import { z } from 'zod';

export const projectId = z
  .uuid()
  .describe('Project id; an unknown one and one of another tenant both answer not_found.');
export const sessionId = z.uuid();
export const jobId = z.uuid();
export const traceId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{7,63}$/);
export const timestamp = z.iso.datetime({ offset: true });

/** Ids of bigint columns: a number while it is safe, else digits. */
export const bigintId = z.union([z.int().nonnegative(), z.string().regex(/^\d{1,19}$/)]);

/** Free JSON, for what a caller stores and COGO does not read. */
export const jsonObject = z.record(z.string(), z.unknown());

/** An integer in a query string. */
export function queryInteger(minimum: number, maximum: number, fallback: number) {
  return z
    .string()
    .regex(/^\d{1,9}$/, 'expected a whole number')
    .transform(Number)
    .pipe(z.int().min(minimum).max(maximum))
    .default(fallback);
}

export const model = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:/@-]*$/);
export const roleId = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[a-z][a-z0-9_-]*$/);

/** Set to answer as a stream; the same as `Accept: text/event-stream`. */
export const stream = z.boolean().optional().describe('true: answer as server-sent events.');

/** The first frame of every stream. */
export const metaEvent = z.object({
  envelope_version: z.literal('v1'),
  trace_id: z.string(),
  event_type: z.literal('meta'),
  ts: timestamp,
  headers: z.record(z.string(), z.string()),
  route: z.unknown().optional(),
});

/** The last frame of every stream that ended well. */
export const doneEvent = z.object({ trace_id: z.string(), event_type: z.literal('done'), ts: timestamp });

/** Work went on as a job; the trace continues over Realtime and `trace-status`. */
export const handoffEvent = z.object({ trace_id: z.string(), job_id: jobId });
