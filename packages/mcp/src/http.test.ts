import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Rpc } from '@cogo/client/rpc.ts';
import { indexRepository } from '@cogo/knowledge/indexer.ts';
import { tempRepo } from '@cogo/knowledge/testing.ts';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';
import { type HttpServer, serveHttp } from './http.ts';

const FILES = {
  'src/price.ts':
    '/** Adds the tax to a price. */\nexport function withTax(price: number): number {\n  return price * 1.1;\n}\n',
  'src/cart.ts':
    "import { withTax } from './price.ts';\n\nexport function total(prices: number[]): number {\n  return prices.map((one) => withTax(one)).length;\n}\n",
  'docs/guide.md': '# Refunds\n\nA refund is paid within three days.\n',
};

const at = (line: number) => ({ start_line: line, start_column: 1, end_line: line + 2, end_column: 2 });
/** The code graph of these files, as the indexer writes it. */
const GRAPH = [
  {
    path: 'src/price.ts',
    nodes: [
      { key: 'src/price.ts', kind: 'file', name: 'src/price.ts', ...at(1) },
      { key: 'src/price.ts#withTax', kind: 'function', name: 'withTax', exported: true, ...at(2) },
    ],
    edges: [
      {
        from: 'src/price.ts',
        to: 'src/price.ts#withTax',
        kind: 'contains',
        provenance: 'syntax',
        line: 2,
        column: 1,
      },
    ],
  },
  {
    path: 'src/cart.ts',
    nodes: [
      { key: 'src/cart.ts', kind: 'file', name: 'src/cart.ts', ...at(1) },
      { key: 'src/cart.ts#total', kind: 'function', name: 'total', exported: true, ...at(3) },
    ],
    edges: [
      {
        from: 'src/cart.ts',
        to: 'src/price.ts',
        kind: 'imports',
        via: 'static',
        provenance: 'resolver',
        line: 1,
        column: 1,
      },
      {
        from: 'src/cart.ts#total',
        to: 'src/price.ts#withTax',
        kind: 'calls',
        provenance: 'scope',
        line: 4,
        column: 30,
      },
    ],
  },
];

/** Writes the graph into a run before it is published. */
function withGraph(rpc: Rpc): Rpc {
  return {
    async call<T>(fn: string, args: Record<string, unknown> = {}, opts: { signal?: AbortSignal } = {}) {
      if (fn === 'index_finish') {
        const put = await rpc.call('index_graph', { run_id: args['run_id'], files: GRAPH });
        assert.ok(put.ok, JSON.stringify(put));
      }
      return await rpc.call<T>(fn, args, opts);
    },
    close: () => rpc.close(),
  };
}

interface Answer {
  isError?: boolean;
  structuredContent?: Record<string, unknown>;
  content: { text: string }[];
}

describe('cogo over MCP', () => {
  let db: TestDatabase;
  let server: HttpServer;
  let tokens: { own: string; other: string };

  before(async () => {
    db = await openTestDatabase();
    const rpc = db.rpc('service_role');
    const call = async <T>(fn: string, args: Record<string, unknown>): Promise<T> => {
      const result = await rpc.call<T>(fn, args);
      assert.ok(result.ok, JSON.stringify(result));
      return result.value;
    };
    const project = async (slug: string) => {
      const { id } = await call<{ id: string }>('create_project', { name: slug, slug });
      const { token } = await call<{ token: string }>('create_token', {
        project_id: id,
        kind: 'project',
        name: 'mcp',
      });
      return { id, token };
    };
    const [own, other] = [await project('own'), await project('other')];
    tokens = { own: own.token, other: other.token };
    const repo = tempRepo(FILES);
    const indexed = await indexRepository({
      root: repo.root,
      repo: 'shop',
      projectId: own.id,
      rpc: withGraph(rpc),
    });
    repo.remove();
    assert.ok(indexed.ok, JSON.stringify(indexed));
    server = await serveHttp({
      port: 0,
      projectId: own.id,
      rpcOf: (token) => db.rpc('anon', undefined, { 'x-cogo-token': token }),
    });
  });
  after(async () => {
    await server.close();
    await db.close();
  });

  async function client(token = tokens.own): Promise<Client> {
    const one = new Client({ name: 'test', version: '1' });
    const transport = new StreamableHTTPClientTransport(new URL(server.url), {
      requestInit: { headers: { authorization: `Bearer ${token}` } },
    });
    await one.connect(transport as Parameters<typeof one.connect>[0]);
    return one;
  }
  const use = async (name: string, args: Record<string, unknown>): Promise<Answer> => {
    const one = await client();
    try {
      return (await one.callTool({ name, arguments: args })) as unknown as Answer;
    } finally {
      await one.close();
    }
  };
  const good = async <T>(name: string, args: Record<string, unknown>): Promise<T> => {
    const answer = await use(name, args);
    assert.ok(!answer.isError, JSON.stringify(answer));
    assert.deepEqual(JSON.parse(answer.content[0]!.text), answer.structuredContent);
    return answer.structuredContent as T;
  };
  const bad = async (name: string, args: Record<string, unknown>): Promise<unknown> => {
    const answer = await use(name, args);
    assert.equal(answer.isError, true, JSON.stringify(answer));
    return answer.structuredContent?.['code'];
  };
  const post = (headers: Record<string, string>, body = '{}') =>
    fetch(server.url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });

  it('lists six tools, each with the schema of its arguments', async () => {
    const one = await client();
    const { tools } = await one.listTools();
    await one.close();
    assert.deepEqual(
      tools.map((tool) => tool.name),
      ['search', 'ask', 'symbol', 'callers', 'impact', 'read_span'],
    );
    for (const tool of tools) {
      assert.equal(tool.inputSchema.type, 'object');
      assert.ok(Object.keys(tool.inputSchema.properties ?? {}).length > 0);
      assert.equal(tool.annotations?.readOnlyHint, true);
    }
  });

  it('search gives spans with their generation, and read_span reads one', async () => {
    const found = await good<{ generation: number; items: { chunk_id: number; path: string }[] }>('search', {
      query: 'withTax',
    });
    assert.equal(found.generation, 1);
    assert.equal(found.items[0]!.path, 'src/price.ts');
    const span = await good<{ text: string; generation: number }>('read_span', {
      chunk_id: found.items[0]!.chunk_id,
    });
    assert.match(span.text, /price \* 1\.1/);
    assert.equal(span.generation, 1);
  });

  it('read_span reads lines of a path as they stand', async () => {
    const span = await good<Record<string, unknown>>('read_span', {
      path: 'src/price.ts',
      start_line: 2,
      end_line: 3,
    });
    assert.deepEqual(
      [span['text'], span['start_line'], span['end_line'], span['gaps']],
      ['export function withTax(price: number): number {\n  return price * 1.1;', 2, 3, []],
    );
  });

  it('symbol, callers and impact speak of the call graph', async () => {
    const symbol = await good<{ items: { key: string; callers: number }[] }>('symbol', { name: 'withTax' });
    assert.deepEqual([symbol.items[0]!.key, symbol.items[0]!.callers], ['src/price.ts#withTax', 1]);
    const callers = await good<{ nodes: { key: string }[]; generation: number }>('callers', {
      symbol: 'withTax',
    });
    assert.ok(
      callers.nodes.some((node) => node.key === 'src/cart.ts#total'),
      JSON.stringify(callers),
    );
    assert.equal(callers.generation, 1);
    const impact = await good<{ nodes: { key: string }[] }>('impact', { path: 'src/price.ts' });
    assert.ok(
      impact.nodes.some((node) => node.key.startsWith('src/cart.ts')),
      JSON.stringify(impact),
    );
  });

  it('ask answers with citations', async () => {
    const answer = await good<{ refused: boolean; citations: { path: string }[] }>('ask', {
      question: 'When is a refund paid?',
    });
    assert.equal(answer.refused, false);
    assert.equal(answer.citations[0]!.path, 'docs/guide.md');
  });

  it("what goes wrong is the tool's error, with its code", async () => {
    assert.equal(await bad('callers', { symbol: 'nobodyHasThis' }), 'not_found');
    assert.equal(await bad('impact', {}), 'bad_request');
    assert.equal(await bad('read_span', {}), 'validation_failed');
    assert.equal(await bad('read_span', { chunk_id: 999_999 }), 'not_found');
    assert.equal((await use('search', { query: '' })).isError, true, 'arguments against the schema');
    assert.equal((await use('search', { query: 'x', limit: 'many' })).isError, true);
  });

  it('nobody comes in without a token of the project', async () => {
    assert.equal((await post({})).status, 401);
    assert.equal((await post({ authorization: 'Bearer cogo_pt_invented' })).status, 401);
    assert.equal((await post({ authorization: `Bearer ${tokens.other}` })).status, 401);
    await assert.rejects(client(tokens.other));
  });

  it('a page of another site is refused before its token is looked at', async () => {
    const authorization = `Bearer ${tokens.own}`;
    assert.equal((await post({ authorization, origin: 'https://evil.test' })).status, 403);
    assert.equal((await post({ authorization, origin: 'null' })).status, 403);
    const near = await post({
      authorization,
      origin: 'http://localhost:3000',
      accept: 'application/json, text/event-stream',
    });
    assert.notEqual(near.status, 403);
  });

  it('it answers bad requests without breaking', async () => {
    const authorization = `Bearer ${tokens.own}`;
    assert.equal((await post({ authorization }, 'no json')).status, 400);
    assert.equal((await post({ authorization }, 'x'.repeat(1_100_000))).status, 413);
    assert.equal((await fetch(server.url)).status, 405);
    assert.equal((await fetch(server.url.replace('/mcp', '/other'), { method: 'POST' })).status, 404);
  });
});
