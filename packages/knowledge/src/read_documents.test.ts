import assert from 'node:assert/strict';
import { realpathSync } from 'node:fs';
import { test } from 'node:test';
import { borrowThread } from './extract/threads.ts';
import { graphReader } from './graph/symbols/file_graph.ts';
import { type ReadDocument, readDocuments } from './read_documents.ts';
import { tempRepo } from './testing.ts';
import { walkRepository } from './walk/walk_repository.ts';

/** Enough files to be worth a thread: chains of imports, barrels, a circle, files that cannot be read as they should be. */
function files(): Record<string, string | Buffer> {
  const made: Record<string, string | Buffer> = {
    'barrel.ts': "export * from './m1';\nexport * from './deep/inner';\n",
    'deep/inner.ts': "export { f9 as nine } from '../m9';\nimport '../barrel';\n",
    'broken.ts': 'export const fine = 1;\nfunction ( {',
    'binary.dat2': Buffer.from([0, 1, 2]),
    'app.py': 'import tools\n\ndef run():\n    tools.go()\n',
    'tools.py': 'def go():\n    pass\n',
    'read.md': '# Title\n\ntext\n',
    'tsconfig.json': '{"extends": "./missing.json"}',
  };
  for (let at = 0; at < 80; at += 1)
    made[`m${at}.ts`] =
      `import { nine } from './barrel';\nimport { f${(at * 7) % 80} } from './m${(at * 7) % 80}';\n` +
      `export function f${at}() { nine(); f${(at * 7) % 80}(); }\nexport class C${at} { open() { f${at}(); } }\n`;
  return made;
}

async function readAll(root: string, threads: number, entries: string[] = []): Promise<ReadDocument[]> {
  const { candidates } = await walkRepository({ root });
  const graph = graphReader(
    root,
    candidates.map(({ path }) => path),
  );
  const all: ReadDocument[] = [];
  for await (const one of readDocuments(candidates, new Map(), { graph, entries, threads })) all.push(one);
  return all;
}

const byPath = (all: ReadDocument[]) => [...all].sort((a, b) => (a.path < b.path ? -1 : 1));

test('what is read of each file is the same on one thread and on several, whatever comes first', async (t) => {
  const repo = tempRepo(files());
  t.after(repo.remove);
  const root = realpathSync(repo.root);
  const alone = await readAll(root, 0);
  assert.equal(alone.length, 88);
  const calls = alone.flatMap((one) => (one.kind === 'row' ? (one.graph?.edges ?? []) : []));
  assert.ok(calls.some((one) => one.from === 'm3.ts#f3' && one.to === 'm9.ts#f9' && one.kind === 'calls'));
  assert.deepEqual(byPath(await readAll(root, 2)), byPath(alone));
  assert.deepEqual(byPath(await readAll(root, 1, ['m40.ts'])), byPath(alone));
});

test('a reader that stops early leaves nothing behind that would keep the process', async (t) => {
  const repo = tempRepo(files());
  t.after(repo.remove);
  const root = realpathSync(repo.root);
  const { candidates } = await walkRepository({ root });
  const stop = new AbortController();
  const seen: string[] = [];
  await assert.rejects(async () => {
    for await (const { path } of readDocuments(candidates, new Map(), { signal: stop.signal, threads: 1 })) {
      seen.push(path);
      stop.abort();
    }
  }, /abort/i);
  assert.equal(seen.length, 1);
});

test('a thread that ends gives back what it was told to read', async (t) => {
  const repo = tempRepo({ 'a.ts': 'export const a = 1;\n' });
  t.after(repo.remove);
  const thread = borrowThread();
  thread.open({});
  const request = { path: 'a.ts', file: `${repo.root}/a.ts` };
  const { extracted } = await thread.extract(request);
  assert.equal(extracted.kind, 'row');
  const unanswered = thread.extract(request);
  thread.release();
  await assert.rejects(unanswered, /the thread ended/);
  await assert.rejects(thread.extract(request), /the thread ended/);
});

test('code that was read without types is read again when they are asked about, and not the other way round', async (t) => {
  const repo = tempRepo({ 'a.ts': 'export const a = 1;\n', 'b.md': '# B\n' });
  t.after(repo.remove);
  const root = realpathSync(repo.root);
  const { candidates } = await walkRepository({ root });
  const read = async (types: boolean, before: ReadDocument[]) => {
    const known = new Map(
      before.flatMap((one) => (one.kind === 'row' ? [[one.path, one.row] as const] : [])),
    );
    const checker = {
      version: '5.9.3',
      callee: () => undefined,
      stats: () => ({ asked: 0, told: 0, ms: 0 }),
    };
    const graph = graphReader(root, ['a.ts', 'b.md'], types ? checker : undefined);
    const all: ReadDocument[] = [];
    for await (const one of readDocuments(candidates, known, { graph })) all.push(one);
    return all;
  };
  const kinds = (all: ReadDocument[]) => all.map(({ path, kind }) => `${path} ${kind}`);
  const plain = await read(false, []);
  assert.deepEqual(kinds(await read(false, plain)), ['a.ts unchanged', 'b.md unchanged']);
  assert.deepEqual(kinds(await read(true, plain)), ['a.ts row', 'b.md unchanged']);
  const typed = await read(true, []);
  assert.deepEqual(kinds(await read(true, typed)), ['a.ts unchanged', 'b.md unchanged']);
  assert.deepEqual(kinds(await read(false, typed)), ['a.ts unchanged', 'b.md unchanged']);
});
