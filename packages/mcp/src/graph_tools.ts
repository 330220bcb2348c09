import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { z } from 'zod';
import { type ToolContext, tool } from './tool.ts';

const which = {
  path: z.string().max(1000).optional().describe('The file it stands in, or the end of its path.'),
  repo: z.string().max(400).optional().describe('Only this repository.'),
};
const walk = {
  ...which,
  limit: z.number().int().min(1).max(200).default(50),
  min_confidence: z.number().min(0).max(1).default(0).describe('1: only what was resolved for certain.'),
};

interface GraphNode {
  id: number | string;
  key: string;
  kind: string;
  name: string;
  path: string;
  repo: string;
  signature: string | null;
  start_line: number;
  end_line: number;
  generation: number;
  commit_sha: string | null;
  depth?: number;
}

interface Walked {
  targets: GraphNode[];
  nodes: GraphNode[];
  edges: Record<string, unknown>[];
  truncated: boolean;
}

export const symbolTool = tool({
  name: 'symbol',
  title: 'Look up a symbol',
  description:
    'Finds definitions by name: where each stands, its signature, doc comment, how many call it and what it calls. A plain name, a qualified one (Outer.method) or a key (path#Outer.method); a name nobody has matches by its beginning.',
  input: {
    name: z.string().min(1).max(500),
    ...which,
    limit: z.number().int().min(1).max(100).default(10),
  },
  async run({ name, path, repo, limit }, { rpc, projectId, signal }) {
    const found = await rpc.call<GraphNode[]>(
      'graph_symbol',
      { project_id: projectId, symbol: name, path: path ?? null, repo: repo ?? null, lim: limit },
      { signal },
    );
    return found.ok ? ok({ generation: newest(found.value), items: found.value }) : found;
  },
});

export const callersTool = tool({
  name: 'callers',
  title: 'Who calls a symbol',
  description:
    'The functions and methods that call a symbol, up to depth calls away, calls that were seen at run time first; of a class or a file, who calls what is in it. Each edge has its provenance and confidence.',
  input: {
    symbol: z.string().min(1).max(500),
    ...walk,
    depth: z.number().int().min(1).max(10).default(1),
  },
  run: ({ depth, ...args }, context) => walked('graph_callers', { ...args, depth }, context),
});

export const impactTool = tool({
  name: 'impact',
  title: 'What a change may affect',
  description:
    'Everything that may change with a symbol or a file: what calls, extends, implements, refers to it, uses its type or imports its file, transitively. Give a symbol, a path, or both. Ask it before you change a signature.',
  input: {
    symbol: z.string().min(1).max(500).optional(),
    ...walk,
    depth: z.number().int().min(1).max(10).default(3),
  },
  run: ({ depth, ...args }, context) => walked('graph_impact', { ...args, depth }, context),
});

async function walked(
  fn: string,
  args: {
    symbol?: string | undefined;
    path?: string | undefined;
    repo?: string | undefined;
    limit: number;
    depth: number;
    min_confidence: number;
  },
  { rpc, projectId, signal }: ToolContext,
): Promise<Result<Record<string, unknown>>> {
  const { symbol, path, repo, limit, depth, min_confidence } = args;
  const found = await rpc.call<Walked>(
    fn,
    {
      project_id: projectId,
      symbol: symbol ?? null,
      path: path ?? null,
      repo: repo ?? null,
      depth,
      lim: limit,
      min_confidence,
    },
    { signal },
  );
  if (!found.ok) return found;
  const { targets, nodes, edges, truncated } = found.value;
  if (targets.length === 0) {
    return failure('not_found', `The index has no ${symbol ?? path}. Look it up with symbol or search.`, {
      details: { symbol, path, repo },
    });
  }
  return ok({ generation: newest(targets), targets, nodes, edges, truncated });
}

/** Generations are a repository's own; the newest says how fresh the answer may be at best. */
function newest(nodes: GraphNode[]): number | null {
  return nodes.length === 0 ? null : Math.max(...nodes.map((node) => node.generation));
}
