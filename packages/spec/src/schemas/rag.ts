import { z } from 'zod';
import { failureEnvelope, success } from '../envelope.ts';
import { operation, type FunctionSpec } from '../operation.ts';
import { ragDone } from './chat.ts';
import { degraded, searchFilter, span, strategy } from './evidence.ts';
import { bigintId, doneEvent, metaEvent, projectId, stream } from './fields.ts';

export const ragRequest = z.object({
  project_id: projectId,
  q: z.string().trim().min(1).max(4000),
  limit: z.int().min(1).max(100).default(10),
  strategy: strategy.default('auto'),
  filter: searchFilter.optional(),
  explain: z.boolean().default(false).describe('true: score by signal for every hit.'),
  bust: z.boolean().optional().describe('true: do not answer from the cache.'),
  stream,
});

export const ragResponse = success({
  items: z.array(span),
  count: z.int().nonnegative(),
  route: z.string(),
  strategy: z.string(),
  generation: bigintId
    .nullable()
    .describe('The index generation all hits come from; null when nothing is indexed.'),
  took_ms: z.number().nonnegative(),
  degraded,
  cached: z.boolean().optional(),
});

export const ragEvents = {
  meta: metaEvent,
  'rag.item': span.extend({ trace_id: z.string(), index: z.int().nonnegative() }),
  'rag.done': ragDone,
  done: doneEvent,
  error: failureEnvelope,
};

const common = {
  method: 'POST' as const,
  auth: 'anon' as const,
  body: ragRequest,
  response: ragResponse,
  rate: { capacity: 120, refill_per_s: 10 },
  errors: ['not_found' as const],
};

export const rag = operation({
  ...common,
  id: 'rag',
  path: '/',
  summary: 'Evidence for a question: ranked spans, completed and de-duplicated, as JSON or as a stream.',
  events: ragEvents,
  stream: true,
  idempotent: true,
});

export const ragSearch = operation({
  ...common,
  id: 'ragSearch',
  path: '/search',
  summary: 'Raw hits of one strategy.',
});

export const spec: FunctionSpec = {
  name: 'rag',
  summary: 'Retrieval over a project.',
  operations: [rag, ragSearch],
};

export type RagRequest = z.infer<typeof ragRequest>;
export type RagResponse = z.infer<typeof ragResponse>;
