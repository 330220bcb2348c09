import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import type { z } from 'zod';
import { chatRequest } from './chat.ts';
import { embedRequest } from './embed.ts';
import { FUNCTIONS } from './functions.ts';
import { graphRequest } from './graph.ts';
import { enqueueRequest, listJobs } from './jobs.ts';
import { keyVaultRequest } from './key-vault.ts';
import { ragRequest } from './rag.ts';
import { roleSelectRequest } from './role-select.ts';
import { routerSelectRequest } from './router-select.ts';
import { synthesizeRequest } from './synthesize.ts';
import { traceStatusQuery } from './trace-status.ts';

const project_id = '11111111-1111-4111-8111-111111111111';
const key_id = '22222222-2222-4222-8222-222222222222';

const good: [string, z.ZodType, unknown][] = [
  ['chat with text', chatRequest, { project_id, text: 'hi' }],
  [
    'chat with messages',
    chatRequest,
    { project_id, messages: [{ role: 'user', content: 'hi' }], retrieval: { k: 5, strategy: 'auto' } },
  ],
  [
    'embed',
    embedRequest,
    {
      items: [
        { id: 'a', text: '' },
        { id: 1, text: 'x' },
      ],
    },
  ],
  ['rag', ragRequest, { project_id, q: '질문', filter: { languages: ['sql'] } }],
  ['role-select', roleSelectRequest, { intent_text: 'fix the build' }],
  ['router-select', routerSelectRequest, { service: 'chat' }],
  ['graph neighbors by symbol', graphRequest, { op: 'neighbors', project_id, node: { symbol: 'main' } }],
  ['graph paths by id', graphRequest, { op: 'paths', project_id, from: { id: 1 }, to: { id: '2' } }],
  ['graph query', graphRequest, { op: 'query', project_id, cypher: 'MATCH (n) RETURN n' }],
  ['key-vault put', keyVaultRequest, { op: 'put', project_id, provider: 'openai', secret: 'sk-12345678' }],
  ['key-vault list', keyVaultRequest, { op: 'list', project_id }],
  ['synthesize from chunks', synthesizeRequest, { project_id, evidence: { chunk_ids: [1, '2'] } }],
  [
    'synthesize from a query',
    synthesizeRequest,
    { project_id, evidence: { query: 'orders' }, target: { flow: false } },
  ],
  ['jobs', enqueueRequest, { project_id, jobs: [{ type: 'code.build.test', payload: {} }] }],
  ['jobs of a project', listJobs.query!, { project_id, limit: '10' }],
  ['trace-status', traceStatusQuery, { trace_id: 'a'.repeat(32) }],
];
for (const [name, schema, value] of good) {
  test(`a request of ${name} is taken`, () => {
    const parsed = schema.safeParse(value);
    assert.ok(parsed.success, parsed.error?.message);
  });
}

const bad: [string, z.ZodType, unknown, string][] = [
  ['chat without a question', chatRequest, { project_id }, 'text'],
  [
    'chat with two questions',
    chatRequest,
    { project_id, text: 'a', messages: [{ role: 'user', content: 'b' }] },
    'text',
  ],
  [
    'chat that ends with the assistant',
    chatRequest,
    { project_id, messages: [{ role: 'assistant', content: 'b' }] },
    'messages',
  ],
  ['chat with blank text', chatRequest, { project_id, text: '  ' }, 'text'],
  ['chat of no project', chatRequest, { project_id: 'demo', text: 'a' }, 'project_id'],
  ['embed without items', embedRequest, { items: [] }, 'items'],
  [
    'embed with equal ids',
    embedRequest,
    {
      items: [
        { id: 'a', text: 'x' },
        { id: 'a', text: 'y' },
      ],
    },
    'items.1.id',
  ],
  ['rag beyond the limit', ragRequest, { project_id, q: 'a', limit: 101 }, 'limit'],
  ['rag with an unknown strategy', ragRequest, { project_id, q: 'a', strategy: 'magic' }, 'strategy'],
  ['router-select of an unknown service', routerSelectRequest, { service: 'x' }, 'service'],
  ['graph with an unknown op', graphRequest, { op: 'drop', project_id }, 'op'],
  [
    'graph deeper than allowed',
    graphRequest,
    { op: 'impact', project_id, node: { id: 1 }, depth: 7 },
    'depth',
  ],
  ['key-vault without a secret', keyVaultRequest, { op: 'rotate', project_id, key_id }, 'secret'],
  [
    'synthesize of nothing',
    synthesizeRequest,
    { project_id, evidence: { query: 'a' }, target: { ui: false, data: false, action: false, flow: false } },
    'target',
  ],
  ['jobs with an undotted type', enqueueRequest, { project_id, jobs: [{ type: 'build' }] }, 'jobs.0.type'],
  ['jobs with a limit that is no number', listJobs.query!, { project_id, limit: '1e3' }, 'limit'],
  ['trace-status of a malformed id', traceStatusQuery, { trace_id: 'x' }, 'trace_id'],
];
for (const [name, schema, value, path] of bad) {
  test(`a request of ${name} is refused at ${path}`, () => {
    const parsed = schema.safeParse(value);
    assert.ok(!parsed.success);
    assert.ok(
      parsed.error.issues.some((issue) => issue.path.join('.') === path),
      JSON.stringify(parsed.error.issues),
    );
  });
}

test('a key called __proto__ in free JSON pollutes nothing', () => {
  const body = JSON.parse(
    `{"project_id":"${project_id}","jobs":[{"type":"a.b","payload":{"__proto__":{"x":1}}}]}`,
  );
  const parsed = enqueueRequest.parse(body);
  assert.equal((parsed.jobs[0]!.payload as { x?: number }).x, undefined);
  assert.equal(({} as { x?: number }).x, undefined);
});

test('a default is filled in', () => {
  const parsed = synthesizeRequest.parse({ project_id, evidence: { query: 'a' } });
  assert.deepEqual(parsed.target, { ui: true, data: true, action: true, flow: true });
  assert.deepEqual(parsed.options.locales, ['en', 'ko']);
});

test('operation ids and routes are unique', () => {
  const operations = FUNCTIONS.flatMap((item) => item.operations.map((operation) => ({ item, operation })));
  const unique = (values: string[]) => assert.equal(new Set(values).size, values.length, values.join());
  unique(operations.map(({ operation }) => operation.id));
  unique(operations.map(({ item, operation }) => `${operation.method} /${item.name}${operation.path}`));
});

test('every stream has meta, done and error, and every operation with events is a stream', () => {
  for (const { operations } of FUNCTIONS) {
    for (const operation of operations) {
      assert.equal(operation.stream === true, operation.events !== undefined, operation.id);
      if (operation.events)
        for (const name of ['meta', 'done', 'error'])
          assert.ok(name in operation.events, `${operation.id} ${name}`);
    }
  }
});

test('every function folder is described', () => {
  const root = new URL('../../../../functions/', import.meta.url);
  const folders = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(new URL(`${entry.name}/index.ts`, root)))
    .map((entry) => entry.name);
  const described = new Set(FUNCTIONS.map((item) => item.name));
  for (const folder of folders)
    assert.ok(described.has(folder), `functions/${folder} is missing in functions.ts`);
});
