import { z } from 'zod';
import { success } from '../envelope.ts';
import { operation, type FunctionSpec } from '../operation.ts';
import { model, projectId } from './fields.ts';

export const routerSelectRequest = z.object({
  project_id: projectId.optional(),
  service: z.enum(['chat', 'embed', 'rag', 'synthesize', 'research']),
  intent: z.string().max(200).optional(),
  needs: z
    .array(z.enum(['tools', 'json', 'vision', 'streaming', 'long_context', 'reasoning']))
    .max(10)
    .default([]),
  expected_tokens: z.object({ input: z.int().nonnegative(), output: z.int().nonnegative() }).optional(),
  latency_slo_ms: z.int().positive().max(600_000).optional(),
  budget: z.object({ max_usd: z.number().nonnegative() }).optional(),
  data_class: z.enum(['public', 'internal', 'confidential', 'restricted']).default('internal'),
  intended_model: model.optional(),
});

export const candidate = z.object({
  provider: z.string(),
  model: z.string(),
  region: z.string().nullable().optional(),
  score: z.number(),
  parts: z.record(z.string(), z.number()).describe('The score by part: cost, latency, health, quality, fit.'),
  reasons: z.array(z.string()).describe('Stable reason codes.'),
  degraded: z.boolean(),
  estimated_cost_usd: z.number().nonnegative().nullable(),
});

export const routerSelectResponse = success({
  candidates: z.array(candidate).describe('Best first.'),
  excluded: z.array(z.object({ provider: z.string(), model: z.string(), reasons: z.array(z.string()) })),
  policy_version: z.string(),
});

export const routerSelect = operation({
  id: 'routerSelect',
  method: 'POST',
  path: '/',
  summary: 'Ranks the models that may serve a call, with score parts and reasons; names those left out.',
  auth: 'anon',
  body: routerSelectRequest,
  response: routerSelectResponse,
  rate: { capacity: 240, refill_per_s: 40 },
  errors: ['not_configured'],
});

export const spec: FunctionSpec = {
  name: 'router-select',
  summary: 'Which model should serve.',
  operations: [routerSelect],
};

export type RouterSelectRequest = z.infer<typeof routerSelectRequest>;
