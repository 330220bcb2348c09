import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallRpc } from '@cogo/knowledge/answer/span.ts';
import { failure, ok } from '@cogo/spec/result.ts';
import { askTool, searchTool } from './find_tools.ts';

const ITEM = {
  chunk_id: 1,
  repo: 'shop',
  path: 'docs/refunds.md',
  language: 'markdown',
  kind: 'section',
  symbol: null,
  signature: null,
  heading: 'Refunds',
  start_line: 1,
  end_line: 3,
  text: '# Refunds\n\nA refund is paid within three days.',
  commit_sha: null,
  generation: 4,
  score: 1,
};
const model = { name: 'bge-m3', dims: 8, fingerprint: 'f' };
const rpc = {
  call: async () => ok({ items: [ITEM], generation: 4, took_ms: 1, model }),
} as unknown as CallRpc;

/** The project has a model of its own, and its provider is away. */
const context = {
  rpc,
  projectId: 'p',
  questionVector: async () => failure('unavailable', 'bge-m3 does not answer.'),
  signal: new AbortController().signal,
};

test('search and ask say that they went by words alone', async () => {
  for (const [tool, args] of [
    [searchTool, { query: 'when is a refund paid', limit: 3, strategy: 'hybrid' }],
    [askTool, { question: 'How soon is a refund paid?', limit: 3 }],
  ] as const) {
    const answer = await tool.run(args, context);
    assert.ok(answer.ok, tool.name);
    assert.deepEqual(answer.value['degraded'], { code: 'unavailable', message: 'bge-m3 does not answer.' });
    assert.equal(answer.value['generation'], 4);
  }
});

test('where vectors were had, nothing is said of it', async () => {
  const whole = { call: async () => ok({ items: [ITEM], generation: 4, took_ms: 1 }) } as unknown as CallRpc;
  const answer = await askTool.run(
    { question: 'How soon is a refund paid?', limit: 3 },
    { ...context, rpc: whole },
  );
  assert.ok(answer.ok && !('degraded' in answer.value));
});
