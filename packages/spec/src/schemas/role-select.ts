import { z } from 'zod';
import { success, via } from '../envelope.ts';
import { operation, type FunctionSpec } from '../operation.ts';
import { projectId, roleId } from './fields.ts';

export const roleSelectRequest = z.object({
  intent_text: z.string().trim().min(1).max(4000),
  project_id: projectId.optional().describe('Adds the roles of this project to the built-in ones.'),
});

const scored = z.object({ role_id: roleId, confidence: z.number().min(0).max(1) });

export const roleSelectResponse = success({
  ...scored.shape,
  runner_up: scored.nullable(),
  via: via.describe('What decided: rule, lexical, vector or default.'),
  reasons: z.array(z.string()).optional(),
  prompt_version: z.string().nullable().optional(),
  default_route: z.string().nullable().optional(),
  tools: z.array(z.string()).optional(),
  evidence_scopes: z.array(z.string()).optional(),
});

export const roleSelect = operation({
  id: 'roleSelect',
  method: 'POST',
  path: '/',
  summary: 'Chooses the role that should answer an intent; below the threshold it is `general`.',
  auth: 'anon',
  body: roleSelectRequest,
  response: roleSelectResponse,
  rate: { capacity: 120, refill_per_s: 20 },
  errors: ['not_configured'],
});

export const spec: FunctionSpec = {
  name: 'role-select',
  summary: 'Which role should answer.',
  operations: [roleSelect],
};

export type RoleSelectRequest = z.infer<typeof roleSelectRequest>;
