// One suite for every store of the function `graph`. Neo4j's part: COGO_TEST_NEO4J=$(scripts/neo4j start)
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Rpc } from '@cogo/client/rpc.ts';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';
import { neo4jOf } from '../../../../functions/graph/neo4j_query.ts';
import { neo4jStore } from '../../../../functions/graph/neo4j_store.ts';
import { postgresStore } from '../../../../functions/graph/postgres_store.ts';
import {
  ALL_KINDS,
  type GraphStore,
  IMPACT_KINDS,
  PATH_KINDS,
  type Walked,
} from '../../../../functions/graph/store.ts';
import { clearMirror, openNeo4j, runMirror } from './mirror.ts';

const NEO4J = process.env['COGO_TEST_NEO4J'];
const at = { start_line: 1, start_column: 1, end_line: 2, end_column: 1 };

/** a.f -> b.g -> c.h -> c.i, c.h -> b.g again (a cycle), a maybe-call a.f -> c.i, a call into nothing, and imports a -> b -> c. */
const FILES: Record<string, { symbols: string[]; edges: [string, string, string, number?][] }> = {
  'a.ts': {
    symbols: ['f'],
    edges: [
      ['a.ts', 'b.ts', 'imports'],
      ['a.ts#f', 'b.ts#g', 'calls'],
      ['a.ts#f', 'c.ts#i', 'calls', 0.5],
      ['a.ts#f', 'gone.ts#x', 'calls'],
    ],
  },
  'b.ts': {
    symbols: ['g'],
    edges: [
      ['b.ts', 'c.ts', 'imports'],
      ['b.ts#g', 'c.ts#h', 'calls'],
    ],
  },
  'c.ts': {
    symbols: ['h', 'i'],
    edges: [
      ['c.ts#h', 'c.ts#i', 'calls'],
      ['c.ts#h', 'b.ts#g', 'calls'],
    ],
  },
};

for (const kind of ['postgres', 'neo4j'] as const) {
  describe(`the code graph in ${kind}`, {
    skip: kind === 'neo4j' && !NEO4J ? 'needs a Neo4j: set COGO_TEST_NEO4J=$(scripts/neo4j start)' : false,
  }, () => {
    let db: TestDatabase;
    let rpc: Rpc;
    let store: GraphStore;
    let projectId: string;
    let clear = async () => {};
    const { signal } = new AbortController();

    before(async () => {
      db = await openTestDatabase();
      rpc = db.rpc('service_role');
      const call = async <T>(fn: string, args: Record<string, unknown>): Promise<T> => {
        const result = await rpc.call<T>(fn, args);
        assert.ok(result.ok, `${fn}: ${JSON.stringify(result)}`);
        return result.value;
      };
      projectId = (await call<{ id: string }>('create_project', { name: 'g', slug: 'g' })).id;
      const { run_id } = await call<{ run_id: string }>('index_begin', { project_id: projectId, repo: 'r' });
      const paths = Object.keys(FILES);
      await call('index_put', {
        run_id,
        files: paths.map((path) => ({
          path,
          content_hash: path,
          language: 'typescript',
          bytes: 1,
          extractor: 't',
          chunks: [],
        })),
      });
      await call('index_graph', {
        run_id,
        files: paths.map((path) => ({
          path,
          nodes: [
            { key: path, kind: 'file', name: path, ...at },
            ...FILES[path]!.symbols.map((name) => ({
              key: `${path}#${name}`,
              kind: 'function',
              name,
              ...at,
            })),
          ],
          edges: [
            ...FILES[path]!.symbols.map((name) => ({
              from: path,
              to: `${path}#${name}`,
              kind: 'contains',
              provenance: 'syntax',
              line: 1,
              column: 1,
            })),
            ...FILES[path]!.edges.map(([from, to, edge, confidence = 1]) => ({
              from,
              to,
              kind: edge,
              confidence,
              provenance: 'scope',
              line: 1,
              column: 1,
            })),
          ],
        })),
      });
      await call('index_finish', { run_id });
      store = postgresStore(rpc);
      if (kind === 'postgres') return;
      const driver = openNeo4j(NEO4J!);
      await call('mirror_start', { project_id: projectId });
      assert.ok((await runMirror({ rpc, projectId, driver })).ok);
      const address = new URL(NEO4J!);
      const env: Record<string, string> = {
        NEO4J_HTTP_URL: `http://${address.hostname}:${Number(address.port) + 1}`,
        NEO4J_PASSWORD: address.password,
      };
      store = neo4jStore(neo4jOf({ env: (name) => env[name], fetch })!, rpc);
      clear = async () => {
        await clearMirror(driver, projectId);
        await driver.close();
      };
    });
    after(async () => {
      await clear();
      await db.close();
    });

    const question = {
      direction: 'both' as const,
      kinds: ALL_KINDS,
      depth: 1,
      limit: 100,
      minConfidence: 0,
      withMembers: false,
    };
    const walk = async (symbol: string, more: Partial<Parameters<GraphStore['walk']>[0]> = {}) => {
      const found = await store.walk({ ...question, projectId, start: { symbol }, ...more }, signal);
      assert.ok(found.ok, JSON.stringify(found));
      return shown(found.value);
    };
    /** Keys instead of ids, in an order of their own. */
    const shown = ({ nodes, edges, truncated }: Walked) => {
      const key = new Map(nodes.map((node) => [String(node.id), node.key]));
      return {
        nodes: [...key.values()].sort(),
        edges: edges
          .map((edge) => `${key.get(String(edge.from))} ${edge.kind} ${key.get(String(edge.to))}`)
          .sort(),
        truncated,
      };
    };

    it('neighbours are those of one step, in both directions, and what nobody defines is passed over', async () => {
      assert.deepEqual(await walk('a.ts#f'), {
        nodes: ['a.ts', 'a.ts#f', 'b.ts#g', 'c.ts#i'],
        edges: ['a.ts contains a.ts#f', 'a.ts#f calls b.ts#g', 'a.ts#f calls c.ts#i'],
        truncated: true,
      });
    });

    it('a direction, kinds and a confidence narrow a walk', async () => {
      assert.deepEqual(
        await walk('c.ts#i', { direction: 'in', kinds: ['calls'], minConfidence: 0.9, depth: 6 }),
        {
          nodes: ['a.ts#f', 'b.ts#g', 'c.ts#h', 'c.ts#i'],
          edges: ['a.ts#f calls b.ts#g', 'b.ts#g calls c.ts#h', 'c.ts#h calls b.ts#g', 'c.ts#h calls c.ts#i'],
          truncated: false,
        },
      );
    });

    it('a cycle ends', async () => {
      const { nodes } = await walk('b.ts#g', { direction: 'out', kinds: ['calls'], depth: 6 });
      assert.deepEqual(nodes, ['b.ts#g', 'c.ts#h', 'c.ts#i']);
    });

    it('the impact of a file is that of what it holds', async () => {
      const { nodes } = await walk('c.ts', {
        start: { path: 'c.ts' },
        direction: 'in',
        kinds: IMPACT_KINDS,
        depth: 3,
        withMembers: true,
      });
      assert.deepEqual(nodes, ['a.ts', 'a.ts#f', 'b.ts', 'b.ts#g', 'c.ts', 'c.ts#h', 'c.ts#i']);
    });

    it('a cap on nodes is met and said', async () => {
      const capped = await walk('a.ts#f', { direction: 'out', kinds: ['calls'], depth: 6, limit: 1 });
      assert.deepEqual([capped.nodes.length, capped.truncated], [2, true]);
    });

    it('a shortest way is found, one that is not there is said, and names nobody has are not found', async () => {
      const path = async (from: string, to: string) =>
        await store.path(
          {
            projectId,
            from: { symbol: from },
            to: { symbol: to },
            kinds: PATH_KINDS,
            depth: 6,
            minConfidence: 0.9,
          },
          signal,
        );
      const way = await path('a.ts#f', 'c.ts#i');
      assert.ok(way.ok && way.value.found, JSON.stringify(way));
      assert.deepEqual(
        way.value.nodes.map((node) => node.key),
        ['a.ts#f', 'b.ts#g', 'c.ts#h', 'c.ts#i'],
      );
      assert.equal(way.value.edges.length, 3);
      const none = await path('c.ts#i', 'a.ts#f');
      assert.ok(none.ok && !none.value.found);
      const unknown = await path('a.ts#f', 'nowhere');
      assert.ok(!unknown.ok && unknown.error.code === 'not_found');
    });
  });
}
