import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tempRepo } from '@cogo/knowledge/testing.ts';
import { runCli } from '../testing_io.ts';

/** Two recorded edges: one we find, and one by a computed name that no static analysis can know; `g` was never called. */
const RECORDED = {
  entries: ['a.js'],
  files: ['a.js'],
  functions: { 0: '0:1:1:4:10', 1: '0:1:1:1:18', 2: '0:2:1:2:18' },
  calls: { 0: '0:3:1:3:6', 1: '0:4:1:4:12' },
  call2fun: [
    [0, 1],
    [1, 2],
  ],
};

test('eval callgraph tells recall and precision with intervals, per file and in total', async (t) => {
  const repo = tempRepo({
    'a.js': 'function f() {  }\nfunction g() {  }\n(f)();\neval("g")();\nif (0) g();\n',
    'a.json': JSON.stringify(RECORDED),
    'gone.json': JSON.stringify({ ...RECORDED, files: ['gone.js'], entries: ['gone.js'] }),
    'package.json': '{}',
  });
  t.after(repo.remove);
  const ran = await runCli(['eval', 'callgraph', '--dir', repo.root, '--json']);
  assert.equal(ran.code, 0);
  const told = JSON.parse(ran.stdout);
  assert.deepEqual([told.truth, told.found, told.common], [2, 2, 1]);
  assert.deepEqual(told.recall, { mean: 0.5, low: 0.5, high: 0.5, n: 1 });
  assert.deepEqual(told.files[0].missing, ['a.js:4:1:4:12 -> a.js:2:1']);
  assert.deepEqual(told.files[0].extra, ['a.js:5:8:5:11 -> a.js:2:1']);
  assert.deepEqual(told.skipped, [{ file: 'gone.json', why: 'its sources are not beside it' }]);
  const text = await runCli(['eval', 'callgraph', '--dir', repo.root, '--verbose']);
  assert.match(text.stdout, /missing {2}a\.js:4:1:4:12 -> a\.js:2:1/);
  assert.match(text.stdout, /recall 0\.500 \[0\.500, 0\.500\]/);
  const none = tempRepo({ 'x.json': '{}' });
  t.after(none.remove);
  assert.equal((await runCli(['eval', 'callgraph', '--dir', none.root])).code, 2);
});

test('eval callgraph --traces adds what was seen to the graph of symbols and scores it before and after', async (t) => {
  const fun2fun = [
    [0, 1],
    [0, 2],
  ];
  const repo = tempRepo({
    'a.js': 'function f() {  }\nfunction g() {  }\n(f)();\neval("g")();\nconst x = f();\n',
    'a.json': JSON.stringify({ ...RECORDED, fun2fun }),
    'seen/a.jsonl': [
      { from: 'a.js', to: 'a.js#g' },
      {
        from: { file: 'a.js', line: 4, column: 1, end_line: 4, end_column: 12 },
        to: { file: 'a.js', line: 2, column: 1, end_line: 2, end_column: 18 },
      },
    ]
      .map((row) => `${JSON.stringify(row)}\n`)
      .join(''),
  });
  t.after(repo.remove);
  const ran = await runCli([
    'eval',
    'callgraph',
    '--dir',
    repo.root,
    '--traces',
    `${repo.root}/seen`,
    '--json',
  ]);
  const { symbols, merged } = JSON.parse(ran.stdout);
  // call by call: what the first test misses was seen; `const x = f()` was not recorded
  assert.deepEqual(merged, { found: 3, common: 2, recall: 1, precision: 2 / 3 });
  assert.deepEqual(symbols, {
    truth: 2,
    traces: 1,
    static: { found: 1, common: 1, recall: 0.5, precision: 1 },
    merged: { found: 2, common: 2, recall: 1, precision: 1 },
  });
  assert.equal(
    (await runCli(['eval', 'callgraph', '--dir', repo.root, '--traces', 'nowhere'])).code !== 0,
    true,
  );
});
