import { graph, type GraphRequest } from '@cogo/spec/schemas/graph.ts';
import { completeDeps } from '../_shared/deps.ts';
import type { Context, Reply } from '../_shared/context.ts';
import { createApp, type CogoApp, type GivenDeps } from '../_shared/plane.ts';
import { type Neo4j, neo4jOf } from './neo4j_query.ts';
import { neo4jStore } from './neo4j_store.ts';
import { postgresStore } from './postgres_store.ts';
import { ALL_KINDS, IMPACT_KINDS, PATH_KINDS, type StoreEdge, type StoreNode } from './store.ts';

export function makeApp(deps: GivenDeps = {}): CogoApp {
  const full = completeDeps(deps);
  const neo4j = neo4jOf(full);
  return createApp({
    name: 'graph',
    deps,
    configured: () => ({ postgres: true, neo4j: neo4j !== undefined }),
  }).route(graph, async (ctx) => {
    const { body } = ctx;
    return body.op === 'query' ? await cypher(ctx, body, neo4j) : await walk(ctx, body, neo4j);
  });
}

type Ctx = Context<GraphRequest>;
type Question<Op extends GraphRequest['op']> = Extract<GraphRequest, { op: Op }>;

async function walk(
  ctx: Ctx,
  body: Exclude<GraphRequest, Question<'query'>>,
  neo4j: Neo4j | undefined,
): Promise<Reply> {
  if (body.store === 'neo4j' && !neo4j) return notConfigured(ctx, body.op);
  const store = body.store === 'neo4j' && neo4j ? neo4jStore(neo4j, ctx.db) : postgresStore(ctx.db);
  const started = ctx.deps.now();
  const common = { projectId: body.project_id, depth: body.depth, minConfidence: body.min_confidence ?? 0 };
  if (body.op === 'paths') {
    const found = await store.path(
      { ...common, from: body.from, to: body.to, kinds: body.kinds ?? PATH_KINDS },
      ctx.signal,
    );
    if (!found.ok) return ctx.failWith(found.error, { via: store.via });
    return answer(ctx, body.op, store.via, started, found.value, {
      paths: found.value.found ? [found.value.nodes.map((node) => node.id)] : [],
    });
  }
  const isImpact = body.op === 'impact';
  const found = await store.walk(
    {
      ...common,
      start: body.node,
      direction: body.op === 'neighbors' ? body.direction : 'in',
      kinds: body.kinds ?? (isImpact ? IMPACT_KINDS : ALL_KINDS),
      limit: body.limit,
      withMembers: isImpact,
    },
    ctx.signal,
  );
  if (!found.ok) return ctx.failWith(found.error, { via: store.via });
  return answer(ctx, body.op, store.via, started, found.value);
}

/**
 * Cypher as it comes. Neo4j Community knows no rights of single nodes, so a query may read every project in it: only the server may
 * ask, or, where NEO4J_PROJECT says that the database holds one project alone, the readers of that project.
 */
async function cypher(ctx: Ctx, body: Question<'query'>, neo4j: Neo4j | undefined): Promise<Reply> {
  if (!neo4j) return notConfigured(ctx, body.op);
  const isService = ctx.principal.kind === 'service';
  if (!isService) {
    if (ctx.deps.env('NEO4J_PROJECT') !== body.project_id) {
      return ctx.fail(
        'forbidden',
        'Cypher may read every project of the graph database. Use the secret key, or give this project a database of its own (NEO4J_PROJECT).',
        { via: 'neo4j' },
      );
    }
    const readable = await ctx.db.call(
      'mirror_status',
      { project_id: body.project_id },
      { signal: ctx.signal },
    );
    if (!readable.ok) return ctx.failWith(readable.error);
  }
  const started = ctx.deps.now();
  const found = await neo4j.read(body.cypher, body.params, {
    timeoutMs: body.timeout_ms,
    signal: ctx.signal,
  });
  if (!found.ok) return ctx.failWith(found.error, { via: 'neo4j' });
  const nothing = { nodes: [], edges: [], truncated: found.value.length > body.limit };
  return answer(ctx, body.op, 'neo4j', started, nothing, { rows: found.value.slice(0, body.limit) });
}

function answer(
  ctx: Ctx,
  op: string,
  via: string,
  started: number,
  found: { nodes: StoreNode[]; edges: StoreEdge[]; truncated: boolean },
  more: Record<string, unknown> = {},
): Reply {
  const { nodes, edges, truncated } = found;
  return ctx.ok({
    op,
    via,
    nodes: nodes.map(({ id, kind, name, path, start_line, end_line }) => ({
      id,
      kind,
      name,
      path,
      start_line,
      end_line,
    })),
    edges: edges.map(({ from, to, kind, confidence, provenance }) => ({
      from,
      to,
      kind,
      confidence,
      provenance,
    })),
    truncated,
    took_ms: Math.max(0, ctx.deps.now() - started),
    ...more,
  });
}

function notConfigured(ctx: Ctx, op: string): Reply {
  return ctx.fail(
    'neo4j_not_configured',
    'No Neo4j is configured: set NEO4J_HTTP_URL and NEO4J_PASSWORD. neighbors, paths and impact work on Postgres without it.',
    { via: 'neo4j', details: { reason: 'neo4j_missing', op } },
  );
}

export const app = makeApp();
