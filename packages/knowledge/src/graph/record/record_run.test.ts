import assert from 'node:assert/strict';
import { realpathSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { tempRepo } from '../../testing.ts';
import { walkRepository } from '../../walk/walk_repository.ts';
import { readTrace } from '../runtime/trace.ts';
import { buildSymbolGraph } from '../symbol_graph.ts';
import { type RecordRun, recordRun, writeCalls } from './record_run.ts';

const NODE_MODULES = fileURLToPath(new URL('../../../../../node_modules', import.meta.url));

/** Runs a program twice, as it is and recorded, and asserts that it says the same. */
async function record(
  t: TestContext,
  files: Record<string, string>,
  command: readonly [string, ...string[]] = [process.execPath, 'main.js'],
): Promise<RecordRun & { root: string }> {
  const repo = tempRepo({ 'package.json': '{"type": "commonjs"}', ...files });
  t.after(repo.remove);
  const root = realpathSync(repo.root);
  symlinkSync(NODE_MODULES, join(root, 'node_modules'));
  const ran = await recordRun(command, {
    root,
    cwd: root,
    env: { PATH: process.env['PATH'] },
    stdout: 'stderr',
  });
  assert.ok(ran.ok, JSON.stringify(ran));
  return { ...ran.value, root };
}

/** `3:1 > a.js:1`: line and column of the call, and file and line of what it led to. */
const told = ({ calls }: RecordRun) =>
  calls
    .map(({ from, to, count }) => `${from.line}:${from.column} > ${to.file}:${to.line} x${count}`)
    .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10) || (a < b ? -1 : 1));

test('a call tells its place and the function it led to, however it is written', async (t) => {
  const cases: Array<[string, string, string[]]> = [
    ['a name', 'f();\nfunction f() {}', ['1:1 > main.js:2 x1']],
    [
      'a method, through a variable',
      'const o = {\n m() {} };\no.m(); const p = o;\np.m();',
      ['3:1 > main.js:2 x1', '4:1 > main.js:2 x1'],
    ],
    ['a computed name', 'const o = {\n ["a" + 1]: () => 1 };\no["a1"]();', ['3:1 > main.js:2 x1']],
    ['a bound function', 'function f() {}\nconst g = f.bind(null);\ng();', ['3:1 > main.js:1 x1']],
    [
      'call and apply',
      'function f() {}\nf.call(null);\nf.apply(null, []);',
      ['2:1 > main.js:1 x1', '3:1 > main.js:1 x1'],
    ],
    [
      'a class, its parent and a private method',
      'class A {\n #p() {}\n constructor() { this.#p(); } }\nclass B extends A {\n constructor() { super(); } }\nnew B();',
      ['3:18 > main.js:2 x1', '5:18 > main.js:1 x1', '6:1 > main.js:4 x1'],
    ],
    [
      'super and static',
      'class A { m() {} }\nclass B extends A {\n m() { super.m(); }\n static s() {} }\nnew B().m(); B.s();',
      ['3:8 > main.js:1 x1', '5:1 > main.js:2 x1', '5:1 > main.js:3 x1', '5:14 > main.js:4 x1'],
    ],
    [
      'a function where it is written',
      '(function () {})();\n(() => 1)();',
      ['1:1 > main.js:1 x1', '2:1 > main.js:2 x1'],
    ],
    ['an optional chain', 'const o = {\n p: { q() {} } };\no?.p.q(); o.x?.y.z();', ['3:1 > main.js:2 x1']],
    [
      'a call of what a call gave',
      'const f = () =>\n () => 1;\nf()();',
      ['3:1 > main.js:1 x1', '3:1 > main.js:2 x1'],
    ],
    ['a template', 'const t = (s) => s;\nt`a`;', ['2:1 > main.js:1 x1']],
    ['a loop', 'const f = () => 1;\nfor (let i = 0; i < 5; i += 1) f();', ['2:32 > main.js:1 x5']],
    [
      'an awaited argument',
      'const o = { m: (x) => x };\n(async () => {\n await o.m(await o.m(1)); })();',
      ['2:1 > main.js:2 x1', '3:18 > main.js:1 x1', '3:8 > main.js:1 x1'],
    ],
    // what the platform calls is no call of the repository
    ['a callback of the platform', 'const f = () => 1;\n[1, 2].map(f);\nsetImmediate(f);', []],
    [
      'a getter runs once',
      'let n = 0;\nconst o = { get m() { n += 1; return () => n; } };\nif (o.m() !== 1) throw new Error(String(n));\nconst f = () => 1; f();',
      ['4:20 > main.js:4 x1'],
    ],
  ];
  for (const [name, source, expected] of cases) {
    const recorded = await record(t, { 'main.js': source });
    assert.equal(recorded.exit, 0, name);
    assert.deepEqual(told(recorded), expected, name);
  }
});

test('a program that is recorded does what it did: names, lengths, errors with their lines, lines without semicolons', async (t) => {
  const main = `#!/usr/bin/env node
'use strict'
const assert = require('node:assert')
const { twice } = require('./two')
const o = { deep: { h(a, b) { return a } } }
const lines = []
o.deep
  .h(1)
;[1].forEach((x) => twice(x))
const nameless = (function () {}, class {})
assert.equal(nameless.name, '')
assert.equal((function () { return this }).call(3), 3)
assert.deepEqual([o.deep.h.length, twice.name, twice.length], [2, 'twice', 1])
assert.throws(() => o.nope(1), { message: 'o.nope is not a function' })
assert.throws(() => o.nope.more(1), /Cannot read properties of undefined \\(reading 'more'\\)/)
assert.equal((() => { try { null.x() } catch (e) { return e.stack.match(/main\\.js:(\\d+)/)[1] } })(), '16')
assert.equal(o?.none?.more.than(), undefined)
assert.equal((() => [...arguments].length)(), 5)
const proxy = new Proxy({ m() { return 1 } }, { get(target, key) { lines.push(key); return target[key] } })
proxy.m()
assert.deepEqual(lines, ['m'])
label: for (const x of [1]) { if (twice(x)) continue label }
`;
  const recorded = await record(t, {
    'main.js': main,
    'two.js': 'exports.twice = function twice(x) { return 2 * x }\n',
  });
  assert.equal(recorded.exit, 0);
  assert.ok(told(recorded).includes('22:35 > two.js:1 x1'), told(recorded).join('\n'));
});

test('modules in a circle, processes and threads that are started, process.exit and a failure all tell', async (t) => {
  const circle = await record(
    t,
    {
      'main.mjs': "import { b } from './b.mjs';\nexport function a() { return 1; }\nb();\n",
      'b.mjs': "import { a } from './main.mjs';\nconst at = a();\nexport function b() { return at + a(); }\n",
    },
    [process.execPath, 'main.mjs'],
  );
  assert.deepEqual(told(circle), ['2:12 > main.mjs:2 x1', '3:1 > b.mjs:3 x1', '3:35 > main.mjs:2 x1']);

  const started = await record(t, {
    'main.js':
      "const { spawnSync } = require('child_process');\nspawnSync(process.execPath, ['child.js'], { stdio: 'inherit' });\nnew (require('worker_threads').Worker)('./worker.js');\n",
    'child.js': 'const f = () => 1;\nf(); process.exit(0);\n',
    'worker.js': 'const g = () => 1;\n\ng();\n',
  });
  assert.deepEqual(told(started), ['2:1 > child.js:1 x1', '3:1 > worker.js:1 x1']);
  assert.equal(started.threads, 2);

  const failed = await record(t, {
    'main.js': "const f = () => { throw new Error('on purpose'); };\nf();\n",
  });
  assert.deepEqual([told(failed), failed.exit], [['2:1 > main.js:1 x1'], 1]);

  const stopped = await record(t, {
    'main.js': "const f = () => process.kill(process.pid, 'SIGTERM');\nf(); setInterval(() => {}, 60_000);\n",
  });
  assert.deepEqual([told(stopped), stopped.exit], [['2:1 > main.js:1 x1'], 143]);
});

test('TypeScript that tsx runs is told by the places of its sources, as modules and as CommonJS', async (t) => {
  const source =
    'type N = number;\n\nfunction one(\n  x: N,\n): N {\n  return x;\n}\nlet n: N = 0;\none(n as N);\n';
  for (const name of ['main.mts', 'main.cts']) {
    const recorded = await record(t, { [name]: source }, [process.execPath, '--import', 'tsx', name]);
    assert.deepEqual(told(recorded), [`9:1 > ${name}:3 x1`], name);
  }
});

test('recorded calls are imported as calls between symbols; a nameless function is what it is written in', async (t) => {
  const recorded = await record(t, {
    'main.js':
      'class Box { open(f) { return f(); } }\nconst pick = (key) => ({ open: new Box().open }[key]);\nfunction main() { pick("open")(() => 1); fall(3); }\nfunction fall(n) { if (n > 0) fall(n - 1); }\nmain();\n',
  });
  const { candidates } = await walkRepository({ root: recorded.root });
  const graph = await buildSymbolGraph(recorded.root, candidates);
  const file = join(recorded.root, 'seen.jsonl');
  await writeCalls(file, recorded.calls);
  const trace = await readTrace(file, recorded.root, graph);
  assert.ok(trace.ok);
  assert.deepEqual(
    trace.value.calls.map(({ from, to, count }) => `${from} ${to} ${count}`.replaceAll('main.js', '')).sort(),
    [
      ' #main 1',
      '#Box.open #main 1',
      '#fall #fall 3',
      '#main #Box.open 1',
      '#main #fall 1',
      '#main #pick 1',
      '#pick #Box 1',
    ],
  );
});

test('a command that cannot be started is named', async () => {
  const ran = await recordRun(['./no-such-program'], { root: '.', cwd: '.', env: {} });
  assert.ok(!ran.ok);
  assert.match(ran.error.message, /no-such-program cannot be started \(ENOENT\)/);
});
