import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { indexRepository } from '@cogo/knowledge/indexer.ts';
import { tempRepo } from '@cogo/knowledge/testing.ts';
import { startTestStack } from '@cogo/stack/testing_place.ts';

const COGO = join(dirname(fileURLToPath(import.meta.url)), '../../cli/bin/cogo.mjs');

test('an agent starts `cogo mcp` and finds its way over stdio', async () => {
  const place = await startTestStack();
  const client = new Client({ name: 'test', version: '1' });
  try {
    const { rpc } = place.stack;
    const made = await rpc.call<{ id: string }>('create_project', { name: 'local', slug: 'local' });
    assert.ok(made.ok);
    const repo = tempRepo({ 'docs/guide.md': '# Refunds\n\nA refund is paid within three days.\n' });
    const indexed = await indexRepository({ root: repo.root, repo: 'shop', projectId: made.value.id, rpc });
    repo.remove();
    assert.ok(indexed.ok, JSON.stringify(indexed));
    await client.connect(
      new StdioClientTransport({
        command: process.execPath,
        args: [COGO, 'mcp', '--data', place.dataDir],
        stderr: 'pipe',
      }),
    );
    assert.equal(client.getServerVersion()?.name, 'cogo');
    const answer = await client.callTool({ name: 'search', arguments: { query: 'refund' } });
    const { items, generation } = answer.structuredContent as {
      items: { path: string }[];
      generation: number;
    };
    assert.deepEqual([items[0]!.path, generation], ['docs/guide.md', 1]);
    const wrong = await client.callTool({ name: 'read_span', arguments: { path: 'nowhere.md' } });
    assert.deepEqual(
      [wrong.isError, (wrong.structuredContent as { code: string }).code],
      [true, 'not_found'],
    );
  } finally {
    await client.close();
    await place.close();
  }
});
