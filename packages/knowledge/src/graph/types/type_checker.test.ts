import assert from 'node:assert/strict';
import { mkdirSync, realpathSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { tempRepo } from '../../testing.ts';
import { walkRepository } from '../../walk/walk_repository.ts';
import { buildSymbolGraph } from '../symbol_graph.ts';
import { typeChecker } from './type_checker.ts';

const FILES = {
  'store.ts': [
    'export class Box { open(): void {} take(n: number): void; take(s: string): void; take(_: unknown) {} }',
    'export class Lid { open(): void {} }',
    'export interface Store { boxes: Map<string, Box>; onOpen: () => void }',
    'export const make = (): Store => ({ boxes: new Map(), onOpen: () => {} });',
  ].join('\n'),
  'use.ts': [
    "import { make } from './store';",
    'export function first() { for (const [, box] of make().boxes) box.open(); }',
    'export function second() { make().boxes.get("a")!.take(1); }',
    'export function third() { make().onOpen(); }',
  ].join('\n'),
};

/** A repository that has TypeScript 5 installed: the copy that a dependency of this project brings. */
async function repository(t: TestContext, files: Record<string, string> = FILES) {
  const repo = tempRepo(files);
  t.after(repo.remove);
  const own = createRequire(new URL('../../../../../node_modules/@supabase/lite/x.js', import.meta.url));
  mkdirSync(join(repo.root, 'node_modules'), { recursive: true });
  symlinkSync(dirname(own.resolve('typescript/package.json')), join(repo.root, 'node_modules/typescript'));
  const root = realpathSync(repo.root);
  const { candidates } = await walkRepository({ root });
  return { root, candidates, paths: candidates.map(({ path }) => path) };
}

const calls = (graph: Awaited<ReturnType<typeof buildSymbolGraph>>) =>
  graph.edges
    .filter(({ kind }) => kind === 'calls')
    .map(({ from, to, provenance, confidence }) => `${from} ${to} ${provenance} ${confidence}`)
    .filter((one) => one.includes('Box') || one.includes('Lid') || one.includes('Store'))
    .sort();

test('calls on values whose type is only inferred lead to the declared method, and not to others of its name', async (t) => {
  const { root, candidates, paths } = await repository(t);
  const guessed = calls(await buildSymbolGraph(root, candidates));
  assert.ok(!guessed.some((one) => one.includes(' type ')));
  const types = typeChecker(root, paths);
  assert.ok(types.ok, JSON.stringify(types));
  assert.match(types.value.version, /^5\./);
  assert.deepEqual(calls(await buildSymbolGraph(root, candidates, undefined, types.value)), [
    'use.ts#first store.ts#Box.open type 0.95',
    'use.ts#second store.ts#Box.take type 0.95',
  ]);
  assert.ok(types.value.stats().told >= 2);
});

test('a spent budget leaves what is known without types', async (t) => {
  const { root, candidates, paths } = await repository(t);
  const types = typeChecker(root, paths, { ms: -1 });
  assert.ok(types.ok);
  assert.deepEqual(
    calls(await buildSymbolGraph(root, candidates, undefined, types.value)),
    calls(await buildSymbolGraph(root, candidates)),
  );
  assert.equal(types.value.stats().asked, 0);
  const many = typeChecker(root, paths, { files: 1 });
  assert.ok(!many.ok && many.error.code === 'payload_too_large');
});

test('a repository without TypeScript, or with one that cannot be asked, is told so', (t) => {
  const repo = tempRepo({ 'a.ts': '' });
  t.after(repo.remove);
  const none = typeChecker(repo.root, ['a.ts']);
  assert.ok(
    !none.ok && none.error.code === 'not_configured' && /no TypeScript installed/.test(none.error.message),
  );
  repo.write('node_modules/typescript/index.js', 'exports.version = "7.0.2";');
  const native = typeChecker(repo.root, ['a.ts']);
  assert.ok(!native.ok && /TypeScript 7\.0\.2 has no checker to ask/.test(native.error.message));
});
