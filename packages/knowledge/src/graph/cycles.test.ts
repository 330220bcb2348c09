import assert from 'node:assert/strict';
import { test } from 'node:test';
import { moduleCycles } from './cycles.ts';
import type { ModuleEdge, ModuleEdgeKind } from './edge.ts';
import { chooseEntries, entryDistances, entryWeight } from './entry_distance.ts';
import { toDot, toMermaid } from './render.ts';

function edges(...list: Array<[string, string, ModuleEdgeKind?]>): ModuleEdge[] {
  return list.map(([from, to, kind = 'static']) => ({
    from,
    to,
    kind,
    provenance: kind === 'maybe' ? 'pattern' : 'syntax',
    confidence: 1,
    specifier: to,
    position: { line: 1, column: 1 },
  }));
}

test('files that import each other in a circle are one group with a shortest way round', () => {
  const found = moduleCycles(
    edges(
      ['a', 'b'],
      ['b', 'c'],
      ['c', 'a'],
      ['c', 'b'],
      ['c', 'd'],
      ['d', 'e'],
      ['e', 'd', 'type'],
      ['e', 'a', 'maybe'],
    ),
  );
  assert.deepEqual(found, [
    { files: ['a', 'b', 'c'], path: ['a', 'b', 'c'], runtime: true },
    { files: ['d', 'e'], path: ['d', 'e'], runtime: false },
  ]);
});

test('a chain of 50,000 files is searched without running out of stack', () => {
  const chain = Array.from({ length: 50_000 }, (_, at): [string, string] => [`f${at}`, `f${at + 1}`]);
  assert.deepEqual(moduleCycles(edges(...chain)), []);
  assert.equal(moduleCycles(edges(...chain, ['f50000', 'f0']))[0]!.files.length, 50_001);
});

test('distance is the number of imports from the nearest entry; a computed import counts twice', () => {
  const found = entryDistances(edges(['a', 'b'], ['b', 'c'], ['a', 'd', 'maybe'], ['d', 'c'], ['x', 'y']), [
    'a',
  ]);
  assert.deepEqual([...found].sort(), [
    ['a', 0],
    ['b', 1],
    ['c', 2],
    ['d', 2],
  ]);
  assert.deepEqual([0, 2, 4, undefined].map(entryWeight), [1, 0.5, 0.25, 0]);
});

test('entries: asked for, configured, the default list, the manifest, then files nobody imports', () => {
  const root = '/nowhere';
  const files = ['src/index.ts', 'lib/main.ts', 'lib/used.ts', 'test/a.test.ts'];
  const given = { root, files, edges: edges(['lib/main.ts', 'lib/used.ts']) };
  assert.deepEqual(chooseEntries({ ...given, asked: ['lib/used.ts'], configured: ['lib/main.ts'] }), {
    entries: ['lib/used.ts'],
    by: 'option',
  });
  assert.deepEqual(chooseEntries({ ...given, configured: ['lib/main.ts', 'gone.ts'] }), {
    entries: ['lib/main.ts'],
    by: 'config',
  });
  assert.deepEqual(chooseEntries(given), { entries: ['src/index.ts'], by: 'default' });
  const others = { ...given, files: files.slice(1) };
  const manifests = new Map([['', { name: 'x', bin: './lib/main.ts' }]]);
  assert.deepEqual(chooseEntries({ ...others, manifests }), { entries: ['lib/main.ts'], by: 'manifest' });
  assert.deepEqual(chooseEntries(others), { entries: ['lib/main.ts'], by: 'roots' });
});

test('drawings keep any path readable', () => {
  const drawn = [{ from: 'a "b"\\c.ts', to: 'd#[e].ts', label: 'maybe 0.5', dashed: true }];
  assert.match(toDot(drawn), /"a \\"b\\"\\\\c\.ts" -> "d#\[e\]\.ts" \[label="maybe 0\.5", style=dashed\];/);
  assert.equal(
    toMermaid(drawn),
    'flowchart LR\n  n0["a #34;b#34;\\c.ts"]\n  n1["d#35;[e].ts"]\n  n0 -.->|maybe 0.5| n1',
  );
});
