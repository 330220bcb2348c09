import { z } from 'zod';
import { success } from '../envelope.ts';
import { operation, type FunctionSpec } from '../operation.ts';
import { bigintId, timestamp, traceId } from './fields.ts';

export const traceStatusQuery = z.object({ trace_id: traceId });

export const busEvent = z.looseObject({
  id: bigintId.optional(),
  event_type: z.string(),
  source: z.string(),
  payload: z.unknown(),
  ts: timestamp,
});

export const traceStatusResponse = success({
  status: z.enum(['queued', 'running', 'ready', 'failed']),
  function: z.string(),
  project_id: z.uuid().nullable().optional(),
  route: z.string().nullable().optional(),
  http_status: z.int().nullable().optional(),
  counts: z.record(z.string(), z.int().nonnegative()).describe('Events by type.'),
  started_at: timestamp.nullable(),
  finished_at: timestamp.nullable(),
  duration_ms: z.number().nonnegative().nullable(),
  events: z.array(busEvent).describe('Newest first, at most 200.'),
  output: z.unknown(),
  error: z.unknown(),
});

export const traceStatus = operation({
  id: 'traceStatus',
  method: 'GET',
  path: '/',
  summary: 'How far a trace is, and what it gave. Answers 304 to a matching `If-None-Match`.',
  auth: 'anon',
  query: traceStatusQuery,
  response: traceStatusResponse,
  rate: { capacity: 240, refill_per_s: 20 },
  errors: ['not_found'],
});

export const spec: FunctionSpec = {
  name: 'trace-status',
  summary: 'Progress of a trace.',
  operations: [traceStatus],
};
