import { z } from 'zod';
import { failureEnvelope, success } from '../envelope.ts';
import { ERROR_SLUGS } from '../errors.ts';
import { operation, type FunctionSpec } from '../operation.ts';
import { doneEvent, jobId, metaEvent, model, stream } from './fields.ts';

const itemId = z.union([z.string().min(1).max(200), z.int()]);

export const embedRequest = z
  .object({
    items: z
      .array(z.object({ id: itemId, text: z.string().max(100_000) }))
      .min(1)
      .max(1024),
    model: model.optional().describe('hash-1024-v1 unless said.'),
    job_id: jobId.optional(),
    stream,
  })
  .superRefine((value, context) => {
    const seen = new Set<string | number>();
    value.items.forEach((item, index) => {
      if (seen.has(item.id)) {
        context.addIssue({
          code: 'custom',
          path: ['items', index, 'id'],
          message: 'ids must be unique in a request',
        });
      }
      seen.add(item.id);
    });
  });

/** One item fails alone: an empty text has an error, its neighbours have vectors. */
export const embedItem = z.union([
  z.object({ id: itemId, embedding: z.array(z.number()) }),
  z.object({
    id: itemId,
    error: z.object({ code: z.enum(ERROR_SLUGS as [string, ...string[]]), message: z.string() }),
  }),
]);

const summary = {
  model: z.string(),
  dimensions: z.int().positive(),
  fingerprint: z.string().describe('Vectors of different fingerprints must not be compared.'),
  provider: z.string(),
  count: z.int().nonnegative(),
  failed: z.int().nonnegative(),
};

export const embedResponse = success({ ...summary, items: z.array(embedItem) });

export const embedEvents = {
  meta: metaEvent,
  'embed.chunk': z.object({ trace_id: z.string(), index: z.int().nonnegative(), items: z.array(embedItem) }),
  'embed.done': z.object({ trace_id: z.string(), ...summary }),
  done: doneEvent,
  error: failureEnvelope,
};

export const embed = operation({
  id: 'embed',
  method: 'POST',
  path: '/',
  summary: 'Embeds texts; each item succeeds or fails on its own.',
  auth: 'anon',
  body: embedRequest,
  response: embedResponse,
  events: embedEvents,
  stream: true,
  idempotent: true,
  rate: { capacity: 60, refill_per_s: 5 },
  errors: ['not_configured', 'provider_error'],
});

export const spec: FunctionSpec = { name: 'embed', summary: 'Vectors of texts.', operations: [embed] };

export type EmbedRequest = z.infer<typeof embedRequest>;
export type EmbedItem = z.infer<typeof embedItem>;
