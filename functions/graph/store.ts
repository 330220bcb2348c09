import type { GraphRequest } from '@cogo/spec/schemas/graph.ts';
import type { Result } from '@cogo/spec/result.ts';

type Walk = Exclude<GraphRequest, { op: 'query' }>;
export type NodeRef = Extract<Walk, { op: 'impact' }>['node'];

/** A node as `cogo_api` shows it; what the answer needs of it and what names it in the mirror. */
export interface StoreNode {
  id: number | string;
  key: string;
  repo: string;
  kind: string;
  name: string;
  path: string | null;
  start_line: number | null;
  end_line: number | null;
}

export interface StoreEdge {
  from: number | string;
  to: number | string;
  kind: string;
  confidence: number;
  provenance: string;
}

export interface Walked {
  nodes: StoreNode[];
  edges: StoreEdge[];
  truncated: boolean;
}

export interface WalkQuestion {
  projectId: string;
  start: NodeRef;
  direction: 'in' | 'out' | 'both';
  kinds: string[];
  depth: number;
  limit: number;
  minConfidence: number;
  /** Also from what the start contains. */
  withMembers: boolean;
}

export interface PathQuestion {
  projectId: string;
  from: NodeRef;
  to: NodeRef;
  kinds: string[];
  depth: number;
  minConfidence: number;
}

/**
 * A place the code graph can be walked in; conformance.test.ts holds all of them to the same answers.
 * Errors: `not_found` no node of that name or id; those of the place.
 */
export interface GraphStore {
  via: 'postgres' | 'neo4j';
  walk(question: WalkQuestion, signal: AbortSignal): Promise<Result<Walked>>;
  /** A shortest way; none is `found: false`. */
  path(question: PathQuestion, signal: AbortSignal): Promise<Result<Walked & { found: boolean }>>;
}

export const ALL_KINDS = [
  'contains',
  'imports',
  'extends',
  'implements',
  'calls',
  'references',
  'uses_type',
  'links',
];
export const IMPACT_KINDS = ['calls', 'extends', 'implements', 'uses_type', 'references', 'imports'];
export const PATH_KINDS = ALL_KINDS.filter((kind) => kind !== 'contains');
