import { z } from 'zod';
import { success } from '../envelope.ts';
import { operation, type FunctionSpec } from '../operation.ts';
import { jsonObject, projectId, timestamp } from './fields.ts';

const provider = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[a-z0-9][a-z0-9_-]*$/);
// The only field that ever holds a plaintext, and only inbound.
const secret = z.string().min(8).max(8192).describe('Write-only: no operation returns it.');
const keyRef = { project_id: projectId, key_id: z.uuid() };

export const keyVaultRequest = z.discriminatedUnion('op', [
  z.object({
    op: z.literal('put'),
    project_id: projectId,
    provider,
    name: z.string().min(1).max(100).default('default'),
    secret,
    expires_at: timestamp.optional(),
    meta: jsonObject.optional(),
  }),
  z.object({ op: z.literal('rotate'), ...keyRef, secret, grace_s: z.int().min(0).max(604_800).default(0) }),
  z.object({ op: z.literal('revoke'), ...keyRef, reason: z.string().max(500).optional() }),
  z.object({ op: z.literal('list'), project_id: projectId, provider: provider.optional() }),
  z.object({
    op: z.literal('audit'),
    project_id: projectId,
    key_id: z.uuid().optional(),
    limit: z.int().min(1).max(500).default(100),
  }),
]);

export const vaultKey = z.object({
  key_id: z.uuid(),
  project_id: projectId,
  provider: z.string(),
  name: z.string(),
  last4: z.string().max(4),
  fingerprint: z.string().describe('HMAC of the secret: equal secrets show, the secret does not.'),
  version: z.int().positive(),
  kek_version: z.string(),
  status: z.enum(['active', 'retiring', 'revoked', 'expired']),
  created_at: timestamp,
  rotated_at: timestamp.nullable(),
  revoked_at: timestamp.nullable(),
  expires_at: timestamp.nullable(),
});

export const keyVaultResponse = success({
  op: z.string(),
  key: vaultKey.optional().describe('Of put, rotate and revoke.'),
  keys: z.array(vaultKey).optional().describe('Of list.'),
  entries: z
    .array(
      z.object({
        at: timestamp,
        action: z.string(),
        key_id: z.uuid(),
        principal: z.string(),
        trace_id: z.string().nullable(),
      }),
    )
    .optional()
    .describe('Of audit, newest first.'),
});

export const keyVault = operation({
  id: 'keyVault',
  method: 'POST',
  path: '/',
  summary: 'Stores, rotates, revokes, lists and audits provider keys; a plaintext never comes back.',
  auth: 'member',
  body: keyVaultRequest,
  response: keyVaultResponse,
  rate: { capacity: 30, refill_per_s: 1 },
  errors: ['not_found', 'not_configured', 'version_mismatch'],
});

export const spec: FunctionSpec = { name: 'key-vault', summary: 'Provider keys.', operations: [keyVault] };

export type KeyVaultRequest = z.infer<typeof keyVaultRequest>;
