import { z } from 'zod';
import { success, via } from '../envelope.ts';
import { operation, type FunctionSpec } from '../operation.ts';
import { bigintId, jsonObject, projectId } from './fields.ts';

export const edgeKind = z.enum([
  'contains',
  'imports',
  'extends',
  'implements',
  'calls',
  'references',
  'uses_type',
  'links',
]);

/** A node by id, or by name when the id is not known. */
const nodeRef = z.union([
  z.object({ id: bigintId }),
  z.object({ symbol: z.string().min(1).max(500), path: z.string().max(1000).optional() }),
  z.object({ path: z.string().min(1).max(1000).describe('The file itself.') }),
]);

const walk = {
  project_id: projectId,
  kinds: z.array(edgeKind).min(1).max(8).optional(),
  depth: z.int().min(1).max(6).default(1),
  limit: z.int().min(1).max(500).default(100),
  min_confidence: z.number().min(0).max(1).optional(),
  store: z
    .enum(['postgres', 'neo4j'])
    .default('postgres')
    .describe('neo4j: the mirror, where one is configured; it does not know calls seen at run time only.'),
};

export const graphRequest = z.discriminatedUnion('op', [
  z.object({
    op: z.literal('neighbors'),
    ...walk,
    node: nodeRef,
    direction: z.enum(['in', 'out', 'both']).default('both'),
  }),
  z.object({ op: z.literal('paths'), ...walk, from: nodeRef, to: nodeRef }),
  z.object({ op: z.literal('impact'), ...walk, node: nodeRef }),
  z.object({
    op: z.literal('query'),
    project_id: projectId,
    cypher: z.string().min(1).max(10_000).describe('Read-only Cypher; values go into `params`.'),
    params: jsonObject.default({}),
    limit: z.int().min(1).max(1000).default(100),
    timeout_ms: z.int().min(100).max(30_000).default(5000),
  }),
]);

export const graphNode = z.object({
  id: bigintId,
  kind: z.string(),
  name: z.string(),
  path: z.string().nullable(),
  start_line: z.int().nullable().optional(),
  end_line: z.int().nullable().optional(),
});

export const graphEdge = z.object({
  from: bigintId,
  to: bigintId,
  kind: z.string(),
  confidence: z.number().min(0).max(1),
  provenance: z.string(),
});

export const graphResponse = success({
  op: z.string(),
  via,
  nodes: z.array(graphNode),
  edges: z.array(graphEdge),
  paths: z.array(z.array(bigintId)).optional(),
  rows: z.array(jsonObject).optional().describe('Of `query`.'),
  truncated: z.boolean().describe('true: a cap on depth or rows was met.'),
  took_ms: z.number().nonnegative(),
});

export const graph = operation({
  id: 'graph',
  method: 'POST',
  path: '/',
  summary: 'Walks the code graph; Cypher needs a Neo4j connection.',
  auth: 'anon',
  body: graphRequest,
  response: graphResponse,
  rate: { capacity: 120, refill_per_s: 10 },
  errors: ['not_found', 'not_configured', 'neo4j_not_configured', 'quota_exceeded'],
});

export const spec: FunctionSpec = { name: 'graph', summary: 'The code graph.', operations: [graph] };

export type GraphRequest = z.infer<typeof graphRequest>;
