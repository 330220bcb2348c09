import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tempRepo } from '@cogo/knowledge/testing.ts';
import { runCli } from '../../testing_io.ts';

const FILES = {
  'src/index.ts': "import { a } from './a';\nimport './gone';\nimport('./x/' + a);\n",
  'src/a.ts': "import type { I } from './index';\nexport const a = 1;\n",
  'src/x/one.ts': '',
};

test('graph modules tells edges, reasons, entries and distances without a running stack', async (t) => {
  const repo = tempRepo(FILES);
  t.after(repo.remove);
  const ran = await runCli(['graph', 'modules', repo.root, '--json']);
  assert.equal(ran.code, 0);
  const told = JSON.parse(ran.stdout);
  assert.deepEqual(told.files, [
    { path: 'src/a.ts', distance: 1 },
    { path: 'src/index.ts', distance: 0 },
    { path: 'src/x/one.ts', distance: 2 },
  ]);
  assert.deepEqual(told.entries, { entries: ['src/index.ts'], by: 'default' });
  assert.deepEqual(told.unresolved[0].reason, 'no_such_file');
  assert.deepEqual(told.counts, { files: 3, edges: 3, type: 1, static: 1, maybe: 1 });
  const text = await runCli(['graph', 'modules', repo.root]);
  assert.match(text.stdout, /src\/index\.ts {2}\[entry\]\n {2}static {3}src\/a\.ts/);
});

test('graph modules --cycles fails on a circle that exists at run time only', async (t) => {
  const repo = tempRepo(FILES);
  t.after(repo.remove);
  const types = await runCli(['graph', 'modules', repo.root, '--cycles']);
  assert.deepEqual([types.code, types.stdout], [0, '(types only) src/a.ts -> src/index.ts -> src/a.ts\n']);
  repo.write('src/a.ts', "import './index';\nexport const a = 1;\n");
  const runtime = await runCli(['graph', 'modules', repo.root, '--cycles', '--json']);
  assert.equal(runtime.code, 1);
  assert.equal(JSON.parse(runtime.stdout).cycles[0].runtime, true);
});

test('graph export lists every edge with kind, provenance, confidence and position', async (t) => {
  const repo = tempRepo(FILES);
  t.after(repo.remove);
  const ran = await runCli(['graph', 'export', repo.root, '--json']);
  assert.deepEqual(JSON.parse(ran.stdout).edges[1], {
    from: 'src/index.ts',
    to: 'src/a.ts',
    kind: 'static',
    provenance: 'syntax',
    confidence: 1,
    specifier: './a',
    position: { line: 1, column: 19 },
  });
  const empty = tempRepo({ 'README.md': '# x' });
  t.after(empty.remove);
  assert.equal((await runCli(['graph', 'export', empty.root])).code, 2);
});

test('graph calls, impact and path answer from the sources', async (t) => {
  const repo = tempRepo({
    'a.ts': "import { open } from './b';\nexport function main() { open(); }\n",
    'b.ts': 'export function open() { deep(); }\nfunction deep() {}\n',
  });
  t.after(repo.remove);
  const calls = await runCli(['graph', 'calls', 'open', repo.root]);
  assert.equal(
    calls.stdout,
    'b.ts#open  function  line 1\n  a.ts#main calls b.ts#open  a.ts:2:26\n  b.ts#open calls b.ts#deep  b.ts:1:26\n',
  );
  const callers = await runCli(['graph', 'calls', 'open', repo.root, '--callers', '--json']);
  assert.deepEqual(
    JSON.parse(callers.stdout).nodes.map((one: { key: string; depth: number }) => [one.key, one.depth]),
    [
      ['b.ts#open', 0],
      ['a.ts#main', 1],
    ],
  );
  const impact = await runCli(['graph', 'impact', 'deep', repo.root, '--mermaid']);
  assert.match(impact.stdout, /n0\["b\.ts#35;open"\]/);
  const path = await runCli(['graph', 'path', 'main', 'deep', repo.root]);
  assert.match(path.stdout, /^a\.ts#main\n {2}calls b\.ts#open .*\n {2}calls b\.ts#deep/);
  assert.equal((await runCli(['graph', 'path', 'deep', 'main', repo.root])).code, 2);
  const none = await runCli(['graph', 'calls', 'nobody', repo.root, '--json']);
  assert.deepEqual([none.code, JSON.parse(none.stdout).code], [2, 'not_found']);
});

test('graph export tells the distance of each file from an entry, and draws as the others do', async (t) => {
  const repo = tempRepo(FILES);
  t.after(repo.remove);
  const told = JSON.parse((await runCli(['graph', 'export', repo.root, '--json'])).stdout);
  assert.deepEqual(told.entries, ['src/index.ts']);
  assert.deepEqual(told.entry_distance, { 'src/index.ts': 0, 'src/a.ts': 1, 'src/x/one.ts': 2 });
  for (const command of [['export'], ['path', 'src/index.ts', 'src/a.ts'], ['impact', './src/a.ts']]) {
    const [name = '', ...args] = command;
    const dot = await runCli(['graph', name, ...args, repo.root, '--dot']);
    assert.match(dot.stdout, /^digraph cogo \{\s[\s\S]*"src\/index\.ts" -> "src\/a\.ts"/, name);
    const mermaid = await runCli(['graph', name, ...args, repo.root, '--mermaid']);
    assert.match(mermaid.stdout, /^flowchart LR/, name);
  }
});

test('wrong input to graph commands is refused with what to do', async (t) => {
  const repo = tempRepo(FILES);
  t.after(repo.remove);
  const refused = async (...args: string[]) => {
    const ran = await runCli(['graph', ...args, '--json']);
    return [ran.code, JSON.parse(ran.stdout).code];
  };
  assert.deepEqual(await refused('modules', repo.root, '--entry', 'nope.ts'), [2, 'not_found']);
  assert.deepEqual(await refused('modules', `${repo.root}/src/a.ts`), [2, 'not_found']);
  assert.deepEqual(await refused('modules', repo.root, '--dot', '--mermaid'), [2, 'bad_request']);
  assert.deepEqual(await refused('calls', 'a', repo.root, '--min-confidence', 'abc'), [2, 'bad_request']);
  assert.deepEqual(await refused('calls', 'a', repo.root, '--depth', '11'), [2, 'bad_request']);
  assert.deepEqual(await refused('calls', '', repo.root), [2, 'not_found']);
  assert.deepEqual(await refused('calls', 'a', repo.root, '--types'), [1, 'not_configured']);
  for (const name of ['modules', 'calls', 'impact', 'path', 'export']) {
    const help = await runCli(['graph', name, '--help']);
    assert.deepEqual([help.code, /--mermaid/.test(help.stdout)], [0, true], name);
  }
});
