import { graph } from '@cogo/spec/schemas/graph.ts';
import { createApp, type CogoApp, type GivenDeps } from '../_shared/plane.ts';

export function makeApp(deps: GivenDeps = {}): CogoApp {
  return createApp({ name: 'graph', deps, configured: () => ({ postgres: false, neo4j: false }) }).route(
    graph,
    (ctx) => {
      const { op } = ctx.body;
      if (op === 'query') {
        return ctx.fail(
          'neo4j_not_configured',
          'Cypher needs a Neo4j connection, and this version has none. Use rag to find code by its text.',
          { via: 'neo4j', details: { reason: 'neo4j_missing', op } },
        );
      }
      return ctx.fail(
        'not_configured',
        `${op} needs the code graph, which this version does not index yet. Use rag to find code by its text.`,
        { via: 'postgres', details: { reason: 'graph_not_indexed', op } },
      );
    },
  );
}

export const app = makeApp();
