import { failure, ok, type Result } from '@cogo/spec/result.ts';
import type { Rpc } from '../_shared/rpc.ts';
import type { GraphStore, NodeRef, StoreEdge, StoreNode } from './store.ts';

interface Answer {
  targets: StoreNode[];
  nodes: StoreNode[];
  edges: StoreEdge[];
  truncated: boolean;
}

/** The code graph in Postgres, as the caller sees it. */
export function postgresStore(rpc: Rpc): GraphStore {
  return {
    via: 'postgres',
    async walk(question, signal) {
      const args = {
        project_id: question.projectId,
        ...named(question.start),
        direction: question.direction,
        kinds: question.kinds,
        depth: question.depth,
        lim: question.limit,
        min_confidence: question.minConfidence,
        with_members: question.withMembers,
      };
      const found = await rpc.call<Answer>('graph_walk', args, { signal });
      if (!found.ok) return found;
      if (found.value.targets.length === 0) return unknownNode(question.start);
      const { nodes, edges, truncated } = found.value;
      return ok({ nodes, edges, truncated });
    },
    async path(question, signal) {
      for (const end of [question.from, question.to]) {
        const target = await findTargets(rpc, question.projectId, end, signal);
        if (!target.ok) return target;
      }
      const [from, to] = [named(question.from), named(question.to)];
      const args = {
        project_id: question.projectId,
        from_symbol: from.symbol,
        from_path: from.path,
        from_id: from.node_id,
        to_symbol: to.symbol,
        to_path: to.path,
        to_id: to.node_id,
        kinds: question.kinds,
        depth: question.depth,
        min_confidence: question.minConfidence,
      };
      const found = await rpc.call<{ found: boolean; nodes: StoreNode[]; edges: StoreEdge[] }>(
        'graph_path',
        args,
        { signal },
      );
      return found.ok ? ok({ ...found.value, truncated: false }) : found;
    },
  };
}

/** The nodes a reference means, best first. Errors: `not_found`, and those of the database. */
export async function findTargets(
  rpc: Rpc,
  projectId: string,
  ref: NodeRef,
  signal: AbortSignal,
): Promise<Result<StoreNode[]>> {
  const found = await rpc.call<Answer>(
    'graph_walk',
    { project_id: projectId, ...named(ref), depth: 1, lim: 1 },
    { signal },
  );
  if (!found.ok) return found;
  return found.value.targets.length === 0 ? unknownNode(ref) : ok(found.value.targets);
}

function named(ref: NodeRef): {
  node_id: number | string | null;
  symbol: string | null;
  path: string | null;
} {
  if ('id' in ref) return { node_id: ref.id, symbol: null, path: null };
  return { node_id: null, symbol: 'symbol' in ref ? ref.symbol : null, path: ref.path ?? null };
}

function unknownNode(ref: NodeRef): Result<never> {
  const what = 'id' in ref ? `node ${ref.id}` : 'symbol' in ref ? ref.symbol : ref.path;
  return failure(
    'not_found',
    `The code graph has no ${what}. Look for it with rag, or index the repository.`,
    {
      details: { node: ref },
    },
  );
}
