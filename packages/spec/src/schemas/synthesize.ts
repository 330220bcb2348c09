import { z } from 'zod';
import { failureEnvelope, success } from '../envelope.ts';
import { operation, type FunctionSpec } from '../operation.ts';
import { searchFilter } from './evidence.ts';
import {
  bigintId,
  doneEvent,
  handoffEvent,
  jsonObject,
  metaEvent,
  model,
  projectId,
  stream,
} from './fields.ts';

export const synthesizeRequest = z
  .object({
    project_id: projectId,
    evidence: z.union([
      z.object({ chunk_ids: z.array(bigintId).min(1).max(500) }),
      z.object({
        query: z.string().trim().min(1).max(4000),
        limit: z.int().min(1).max(100).default(20),
        filter: searchFilter.optional(),
      }),
    ]),
    target: z
      .object({
        ui: z.boolean().default(true),
        data: z.boolean().default(true),
        action: z.boolean().default(true),
        flow: z.boolean().default(true),
      })
      .prefault({}),
    options: z
      .object({
        locales: z
          .array(z.enum(['en', 'ko']))
          .min(1)
          .max(2)
          .default(['en', 'ko']),
        model: model.optional().describe('Without one the compiler alone answers.'),
        intent: z.string().max(2000).optional(),
        render: z.boolean().default(false),
      })
      .prefault({}),
    stream,
  })
  .refine((value) => Object.values(value.target).some(Boolean), {
    path: ['target'],
    message: 'ask for at least one document',
  });

export const finding = z
  .object({
    code: z.string().describe('Stable.'),
    severity: z.enum(['error', 'warning']),
    document: z.enum(['ui', 'data', 'action', 'flow', 'evidence']),
    pointer: z.string().describe('JSON Pointer (RFC 6901) into the document.'),
    message: z.string(),
    hint: z.string().optional(),
    repair: z.unknown().optional().describe('JSON Patch (RFC 6902), when a lossless repair is known.'),
  })
  .meta({ id: 'Finding' });

const documents = {
  ui: jsonObject.nullable().describe('UI JSON; null when not asked for.'),
  data: jsonObject.nullable().describe('Data JSON.'),
  action: jsonObject.nullable().describe('Action JSON.'),
  flow: jsonObject.nullable().describe('Action Flow JSON.'),
  findings: z.array(finding),
  evidence: z.array(z.object({ id: z.string(), chunk_id: bigintId, sha256: z.string() })),
  content_ids: z.record(z.string(), z.string()).describe('sha256 of the canonical form, by document.'),
  html: z.string().nullable().optional(),
};

export const synthesizeResponse = success(documents);

export const synthesizeEvents = {
  meta: metaEvent,
  'synth.document': z.object({
    trace_id: z.string(),
    document: z.enum(['ui', 'data', 'action', 'flow']),
    content_id: z.string(),
    value: jsonObject,
  }),
  'synth.done': z.object({
    trace_id: z.string(),
    findings: z.array(finding),
    content_ids: z.record(z.string(), z.string()),
  }),
  handoff: handoffEvent,
  done: doneEvent,
  error: failureEnvelope,
};

export const synthesize = operation({
  id: 'synthesize',
  method: 'POST',
  path: '/',
  summary: 'Compiles UI, Data, Action and Action Flow JSON from evidence.',
  auth: 'member',
  body: synthesizeRequest,
  response: synthesizeResponse,
  events: synthesizeEvents,
  stream: true,
  idempotent: true,
  rate: { capacity: 20, refill_per_s: 0.5 },
  errors: ['not_found', 'not_configured'],
});

export const spec: FunctionSpec = {
  name: 'synthesize',
  summary: 'Applications as JSON.',
  operations: [synthesize],
};

export type SynthesizeRequest = z.infer<typeof synthesizeRequest>;
