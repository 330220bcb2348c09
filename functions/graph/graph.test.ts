import assert from 'node:assert/strict';
import { graph } from '@cogo/spec/schemas/graph.ts';
import { failedJson, okJson } from '../_testing/conformance.ts';
import { fakePlane, post, TEST_PROJECT } from '../_shared/testing.ts';
import { makeApp } from './app.ts';

const node = (id: number, name: string) => ({
  id,
  key: `a.ts#${name}`,
  repo: 'r',
  kind: 'function',
  name,
  path: 'a.ts',
  start_line: id,
  end_line: id + 1,
  doc: 'long',
});
const EDGE = { from: 2, to: 1, kind: 'calls', confidence: 1, provenance: 'scope', sites: 3 };

function stage(
  neo4j?: (statement: string, body: Record<string, unknown>) => Response,
  env: Record<string, string> = {},
) {
  const plane = fakePlane({
    env: {
      ...(neo4j ? { NEO4J_HTTP_URL: 'http://neo4j.test:7474', NEO4J_PASSWORD: 'the-password' } : {}),
      ...env,
    },
    functions: {
      graph_walk: ({ symbol }) => ({
        targets: symbol === 'nobody' ? [] : [node(1, 'f')],
        nodes: [node(1, 'f'), node(2, 'g')],
        edges: [EDGE],
        truncated: false,
      }),
      graph_path: () => ({ found: true, nodes: [node(2, 'g'), node(1, 'f')], edges: [EDGE] }),
      mirror_status: () => ({ enabled: true }),
    },
    deps: {
      limits: { lingerMs: 0 },
      fetch: async (_url, init) => {
        const body = JSON.parse(String((init as { body: string }).body)) as { statement: string };
        return neo4j!(body.statement, body);
      },
    },
  });
  return { plane, app: makeApp(plane.deps) };
}

interface Answer {
  via: string;
  nodes: Record<string, unknown>[];
  edges: unknown[];
  paths?: unknown[];
  rows?: unknown[];
  truncated: boolean;
}
const project_id = TEST_PROJECT;
const ask = (body: Record<string, unknown>, caller: 'anon' | 'service' | 'token' = 'service') =>
  post({ project_id, ...body }, caller);

Deno.test('impact asks Postgres for what leads to a symbol and its members', async () => {
  const { app, plane } = stage();
  const answer = await okJson<Answer>(
    graph,
    await app.request('/graph', ask({ op: 'impact', node: { symbol: 'f' }, depth: 2 })),
  );
  assert.equal(answer.via, 'postgres');
  assert.deepEqual(
    answer.nodes.map((one) => one['id']),
    [1, 2],
  );
  assert.deepEqual(Object.keys(answer.nodes[0]!).sort(), [
    'end_line',
    'id',
    'kind',
    'name',
    'path',
    'start_line',
  ]);
  assert.deepEqual(answer.edges, [{ from: 2, to: 1, kind: 'calls', confidence: 1, provenance: 'scope' }]);
  const { args } = plane.calls.find((call) => call.fn === 'graph_walk')!;
  assert.deepEqual([args['direction'], args['with_members'], args['depth']], ['in', true, 2]);
  await app.idle();
});

Deno.test('a way comes as nodes in order', async () => {
  const { app } = stage();
  const body = { op: 'paths', from: { id: 2 }, to: { id: 1 }, depth: 4 };
  const answer = await okJson<Answer>(graph, await app.request('/graph', ask(body)));
  assert.deepEqual(answer.paths, [[2, 1]]);
  await app.idle();
});

Deno.test('a symbol nobody has is not found', async () => {
  const { app } = stage();
  const body = { op: 'neighbors', node: { symbol: 'nobody' } };
  await failedJson(await app.request('/graph', ask(body)), 404, 'not_found');
  await app.idle();
});

Deno.test('Cypher is read only, with its parameters, and its rows are capped', async () => {
  const seen: Record<string, unknown>[] = [];
  const { app } = stage((_statement, body) => {
    seen.push(body);
    return Response.json({ data: { fields: ['n'], values: [[1], [2], [3]] } }, { status: 202 });
  });
  const body = { op: 'query', cypher: 'RETURN $x AS n', params: { x: 1 }, limit: 2 };
  const answer = await okJson<Answer>(graph, await app.request('/graph', ask(body)));
  assert.deepEqual([answer.via, answer.rows, answer.truncated], ['neo4j', [{ n: 1 }, { n: 2 }], true]);
  assert.deepEqual(seen, [{ statement: 'RETURN $x AS n', parameters: { x: 1 }, accessMode: 'Read' }]);
  await app.idle();
});

Deno.test('Cypher, which sees all projects, is for the server, and for a project with a database of its own', async () => {
  const good = () => Response.json({ data: { fields: ['n'], values: [[1]] } });
  const body = { op: 'query', cypher: 'RETURN 1 AS n' };
  const shared = stage(good);
  await failedJson(await shared.app.request('/graph', ask(body, 'token')), 403, 'forbidden');
  await shared.app.idle();
  const own = stage(good, { NEO4J_PROJECT: project_id });
  await okJson<Answer>(graph, await own.app.request('/graph', ask(body, 'token')));
  await own.app.idle();
});

const failures: [string, () => Response, number, string][] = [
  [
    'wrong Cypher',
    () =>
      Response.json(
        { errors: [{ code: 'Neo.ClientError.Statement.SyntaxError', message: 'Invalid input' }] },
        { status: 400 },
      ),
    422,
    'validation_failed',
  ],
  [
    'a wrong password',
    () =>
      Response.json(
        { errors: [{ code: 'Neo.ClientError.Security.Unauthorized', message: 'no' }] },
        { status: 401 },
      ),
    503,
    'not_configured',
  ],
  [
    'a server that is away',
    () => {
      throw new TypeError('connection refused');
    },
    503,
    'unavailable',
  ],
];
for (const [name, neo4j, status, code] of failures) {
  Deno.test(`${name}: the answer says so and holds no password`, async () => {
    const { app, plane } = stage(neo4j);
    const failed = await failedJson(
      await app.request('/graph', ask({ op: 'query', cypher: 'x' })),
      status,
      code,
    );
    assert.equal(failed.via, 'neo4j');
    await app.idle();
    assert.ok(!JSON.stringify([failed, plane.logs, plane.ended]).includes('the-password'));
  });
}

Deno.test('the mirror is asked only where one is configured', async () => {
  const { app } = stage();
  const body = { op: 'impact', node: { symbol: 'f' }, store: 'neo4j' };
  await failedJson(await app.request('/graph', ask(body)), 503, 'neo4j_not_configured');
  const health = await (await app.request('/graph/healthz')).json();
  assert.deepEqual((health as { configured: unknown }).configured, { postgres: true, neo4j: false });
  await app.idle();
});
