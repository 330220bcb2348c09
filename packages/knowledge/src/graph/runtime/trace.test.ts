import assert from 'node:assert/strict';
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { tempRepo } from '../../testing.ts';
import { walkRepository } from '../../walk/walk_repository.ts';
import { buildSymbolGraph } from '../symbol_graph.ts';
import { readTrace } from './trace.ts';

const SOURCE =
  'export function main() { work(); rest(); }\nfunction work() { deep(); }\nfunction deep() {}\nfunction rest() {}\n';

async function read(t: TestContext, name: string, content: (url: string) => unknown) {
  const repo = tempRepo({ 'src/a.ts': SOURCE });
  t.after(repo.remove);
  const root = realpathSync(repo.root);
  const { candidates } = await walkRepository({ root });
  const made = content(pathToFileURL(join(root, 'src/a.ts')).href);
  repo.write(name, typeof made === 'string' ? made : JSON.stringify(made));
  return await readTrace(join(root, name), root, await buildSymbolGraph(root, candidates));
}

const seen = (result: Awaited<ReturnType<typeof read>>) => {
  assert.ok(result.ok, JSON.stringify(result));
  return result.value.calls
    .map(({ from, to, count }) => `${from.replace('src/a.ts', '')} ${to.replace('src/a.ts', '')} ${count}`)
    .sort();
};

test('a CPU profile counts samples at and below a call, over frames of the platform', async (t) => {
  const result = await read(t, 'x.cpuprofile', (url) => {
    const frame = (functionName: string, lineNumber: number, at = url) => ({
      functionName,
      lineNumber,
      url: at,
    });
    return {
      nodes: [
        { id: 1, callFrame: frame('(root)', -1, ''), children: [2] },
        { id: 2, callFrame: frame('main', 0), children: [3, 5] },
        { id: 3, callFrame: frame('processTicks', 0, 'node:internal/x'), children: [4] },
        { id: 4, callFrame: frame('work', 1), children: [6] },
        { id: 5, callFrame: frame('rest', 3), hitCount: 0 },
        { id: 6, callFrame: frame('deep', 2) },
      ],
      samples: [4, 6, 6],
    };
  });
  assert.deepEqual(seen(result), ['#main #work 3', '#work #deep 2']);
});

test('coverage of V8 and of Istanbul shares the count of a function among the callers that ran', async (t) => {
  const v8 = await read(t, 'v8.json', (url) => ({
    result: [
      {
        url,
        functions: [
          { functionName: 'main', ranges: [{ startOffset: 0, count: 2 }] },
          { functionName: 'work', ranges: [{ startOffset: 0, count: 6 }] },
          { functionName: 'deep', ranges: [{ startOffset: 0, count: 0 }] },
        ],
      },
    ],
  }));
  assert.deepEqual(seen(v8), ['#main #work 6']);
  const istanbul = await read(t, 'coverage-final.json', () => ({
    'src/a.ts': {
      path: 'src/a.ts',
      fnMap: {
        0: { name: 'work', decl: { start: { line: 2 } } },
        1: { name: 'deep', decl: { start: { line: 3 } } },
      },
      f: { 0: 1, 1: 4 },
    },
  }));
  assert.deepEqual(seen(istanbul), ['#work #deep 4']);
});

test('a call trace names keys or places; what is not in the repository is counted as unknown', async (t) => {
  const result = await read(t, 'smoke.jsonl', () =>
    [
      '{"from": "src/a.ts#main", "to": "src/a.ts#work", "count": 2}',
      '{"from": {"file": "src/a.ts", "line": 1, "name": "main"}, "to": {"file": "src/a.ts", "line": 2}}',
      '{"from": "src/a.ts#main", "to": {"file": "node:fs", "line": 1}}',
      '',
    ].join('\n'),
  );
  assert.ok(result.ok);
  assert.deepEqual([result.value.kind, result.value.unknown], ['call-trace', 1]);
  assert.deepEqual(seen(result), ['#main #work 3']);
});

test('what is no trace is refused with what was expected', async (t) => {
  for (const [name, content] of [
    ['x.json', '{"a": 1}'],
    ['y.json', 'nonsense'],
    ['z.jsonl', '{"from": }'],
  ] as const) {
    const result = await read(t, name, () => content);
    assert.ok(!result.ok && result.error.code === 'bad_request', name);
  }
});
