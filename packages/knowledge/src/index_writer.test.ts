import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Rpc } from '@cogo/client/rpc.ts';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import type { FileRow } from './document.ts';
import { indexWriter } from './index_writer.ts';

const row = (path: string): FileRow => ({
  path,
  content_hash: 'x',
  language: 'text',
  bytes: 1,
  extractor: 'x',
  base_terms: [],
  folder_terms: [],
  terms: [],
  sounds: {},
  chunks: [],
});

function writerOn(answer: (files: FileRow[], call: number) => Result<unknown>, batchBytes = 700) {
  const batches: string[][] = [];
  const refused: string[] = [];
  const written: string[] = [];
  const rpc = {
    async call(_fn: string, args: Record<string, unknown>) {
      const files = args['files'] as FileRow[];
      batches.push(files.map((file) => file.path));
      return answer(files, batches.length);
    },
    async close() {},
  } as unknown as Rpc;
  const writer = indexWriter({
    rpc,
    runId: 'run',
    batchBytes,
    retryDelaysMs: [0, 0],
    onRefused: (path) => refused.push(path),
    onWritten: (rows) => written.push(...rows.map((one) => one.path)),
  });
  return { writer, batches, refused, written };
}

test('rows go out in batches by size and in order', async () => {
  const { writer, batches, written } = writerOn(() => ok({}));
  for (const path of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) await writer.add(row(path));
  assert.deepEqual(await writer.flush(), ok(undefined));
  assert.deepEqual(batches, [['a', 'b', 'c'], ['d', 'e', 'f'], ['g']]);
  assert.deepEqual(written, ['a', 'b', 'c', 'd', 'e', 'f', 'g']);
});

test('an unreachable database is tried again, then the run ends with its error', async () => {
  const once = writerOn((_files, call) => (call === 1 ? failure('unavailable', 'away') : ok({})));
  await once.writer.add(row('a'));
  assert.ok((await once.writer.flush()).ok);
  assert.equal(once.batches.length, 2);

  const never = writerOn(() => failure('unavailable', 'away'));
  await never.writer.add(row('a'));
  const result = await never.writer.flush();
  assert.equal(result.ok ? '' : result.error.code, 'unavailable');
  assert.equal(never.batches.length, 3);
});

test('a refused batch is halved until the bad file stands alone', async () => {
  const { writer, refused, written } = writerOn(
    (files) => (files.some((file) => file.path === 'c') ? failure('bad_request', 'c') : ok({})),
    10_000,
  );
  for (const path of ['a', 'b', 'c', 'd', 'e']) await writer.add(row(path));
  assert.ok((await writer.flush()).ok);
  assert.deepEqual(refused, ['c']);
  assert.deepEqual(written, ['a', 'b', 'd', 'e']);
});

test('a run that was superseded stops at once', async () => {
  const { writer, batches } = writerOn(() => failure('stale_generation', 'newer run'));
  await writer.add(row('a'));
  const result = await writer.flush();
  assert.equal(result.ok ? '' : result.error.code, 'stale_generation');
  assert.equal(batches.length, 1);
});

test('a file whose graph is refused is put without it, with its reason', async () => {
  const sent: boolean[][] = [];
  const notes: string[] = [];
  const rpc = {
    async call(_fn: string, args: Record<string, unknown>) {
      const files = args['files'] as Array<{ graph?: { path: string } }>;
      sent.push(files.map((file) => file.graph !== undefined));
      return files.some((file) => file.graph?.path === 'b') ? failure('validation_failed', 'twice') : ok({});
    },
    async close() {},
  } as unknown as Rpc;
  const writer = indexWriter({
    rpc,
    runId: 'run',
    onRefused: (path) => notes.push(`refused ${path}`),
    onGraphRefused: (path, why) => notes.push(`${path}: ${why}`),
    onWritten: (rows) => notes.push(`written ${rows.map((one) => one.path)}`),
  });
  for (const path of ['a', 'b']) await writer.add(row(path), { path, nodes: [], edges: [], unresolved: [] });
  assert.ok((await writer.flush()).ok);
  assert.deepEqual(sent, [[true, true], [true], [true], [false]]);
  assert.deepEqual(notes, [
    'written a',
    'written b',
    'b: the database refused its graph: twice (validation_failed)',
  ]);
});
