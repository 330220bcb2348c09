import assert from 'node:assert/strict';
import { realpathSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { tempRepo } from '../../testing.ts';
import { graphReader } from './file_graph.ts';
import type { FileGraph } from './symbol.ts';

function graphsOf(t: TestContext, files: Record<string, string>): Record<string, FileGraph> {
  const repo = tempRepo(files);
  t.after(repo.remove);
  const reader = graphReader(realpathSync(repo.root), Object.keys(files));
  return Object.fromEntries(
    Object.entries(files).flatMap(([path, text]) => {
      const graph = reader.read(path, text);
      return graph ? [[path, graph]] : [];
    }),
  );
}

/** Relations of a kind as `from -> to provenance confidence`, the file's own path left out. */
function relations(graph: FileGraph | undefined, kind: string): string[] {
  const own = (key: string) => (key.startsWith(`${graph!.path}#`) ? key.slice(graph!.path.length) : key);
  return graph!.edges
    .filter((edge) => edge.kind === kind)
    .map((edge) => {
      const confidence = edge.confidence === 1 ? '' : ` ${edge.confidence}`;
      return `${own(edge.from)} -> ${own(edge.to)} ${edge.provenance}${confidence}`;
    })
    .sort();
}

test('definitions carry key, kind, signature, place, comment and whether others can have them', (t) => {
  const { 'a.ts': graph } = graphsOf(t, {
    'a.ts': [
      '/** Adds.',
      ' * Twice. */',
      'export function add(a: number, b = 1): number { function inner() {} return a + b; }',
      '',
      '// about it',
      '// in two lines',
      'class Box<T> extends Base { #size = 1; static make() {} get size() { return 1; } }',
      'export const run = async (x: string) => { x; };',
      'export interface Shape { area(): number; name: string }',
      'type Id = string;',
      'export default class { go() {} }',
      'const table = { open() {}, close: () => {} };',
      'function add2(): void; function add2(a?: string) {}',
    ].join('\n'),
  });
  const shown = graph!.nodes.map(
    (one) => `${one.key} ${one.kind}${one.exported ? ' exported' : ''} ${one.start_line}`,
  );
  assert.deepEqual(shown, [
    'a.ts module exported 1',
    'a.ts#add function exported 3',
    'a.ts#add.inner function 3',
    'a.ts#Box class 7',
    'a.ts#Box.size property 7',
    'a.ts#Box.make method 7',
    'a.ts#Box.size~2 method 7',
    'a.ts#run function exported 8',
    'a.ts#Shape interface exported 9',
    'a.ts#Shape.area method 9',
    'a.ts#Shape.name property 9',
    'a.ts#Id type 10',
    'a.ts#default class exported 11',
    'a.ts#default.go method 11',
    'a.ts#table variable 12',
    'a.ts#table.open method 12',
    'a.ts#table.close method 12',
    'a.ts#add2 function 13',
  ]);
  const [, add, , box] = graph!.nodes;
  assert.equal(add!.signature, 'export function add(a: number, b = 1): number');
  assert.equal(add!.doc, 'Adds.\nTwice.');
  assert.equal(box!.doc, 'about it\n in two lines');
  assert.deepEqual([add!.start_column, add!.end_line], [1, 3]);
});

test('calls are known by scope, by following values, by imports through barrels, and by type', (t) => {
  const { 'src/a.ts': graph } = graphsOf(t, {
    'src/a.ts': [
      "import { help as h, Engine, type Plan } from './barrel';",
      "import * as lib from './lib';",
      'export function main(plan: Plan, engine: Engine) {',
      '  h(); lib.help(); plan.step(); engine.start(); local();',
      '  const made = new Engine(); made.stop();',
      '  [1].forEach(() => local());',
      '}',
      'function local() { return pick().go(); }',
      'const pick = () => ({ go: goes });',
      'function goes() { mystery.ignite(); mystery.map(); }',
    ].join('\n'),
    'src/barrel.ts': "export * from './lib';\nexport { Engine } from './engine';",
    'src/lib.ts': 'export function help() {}\nexport interface Plan { step(): void }',
    'src/engine.ts':
      "import { Base } from './base';\nexport class Engine extends Base { start() {} ignite() {} }",
    'src/base.ts': 'export class Base { stop() {} }',
  });
  assert.deepEqual(relations(graph, 'calls'), [
    '#goes -> src/engine.ts#Engine.ignite name 0.5',
    '#local -> #goes flow 0.95',
    '#local -> #pick scope',
    '#main -> #local scope',
    '#main -> src/base.ts#Base.stop member 0.9',
    '#main -> src/engine.ts#Engine scope',
    '#main -> src/engine.ts#Engine.start member 0.9',
    '#main -> src/lib.ts#Plan.step member 0.9',
    '#main -> src/lib.ts#help scope',
  ]);
  assert.equal(graph!.edges.find((one) => one.to === 'src/lib.ts#help')!.sites, 2);
});

test('heritage, types and other uses are relations of their own; shadowed names are none', (t) => {
  const { 'a.ts': graph } = graphsOf(t, {
    'a.ts': [
      "import { Base, type Opts, LIMIT } from './b';",
      'interface Own extends Opts { x: Opts }',
      'class Mine extends Base implements Own { x!: Opts }',
      'function f(LIMIT: number, handler = go): Own { return LIMIT as never; }',
      'function go() { return LIMIT; }',
    ].join('\n'),
    'b.ts': 'export class Base {}\nexport interface Opts {}\nexport const LIMIT = 1;',
  });
  assert.deepEqual(relations(graph, 'extends'), ['#Mine -> b.ts#Base scope', '#Own -> b.ts#Opts scope']);
  assert.deepEqual(relations(graph, 'implements'), ['#Mine -> #Own scope']);
  assert.deepEqual(relations(graph, 'uses_type'), [
    '#Mine.x -> b.ts#Opts scope',
    '#Own.x -> b.ts#Opts scope',
    '#f -> #Own scope',
  ]);
  assert.deepEqual(relations(graph, 'references'), ['#f -> #go scope', '#go -> b.ts#LIMIT scope']);
});

test('JSX components are calls, CommonJS names are followed, packages are named', (t) => {
  const graphs = graphsOf(t, {
    'a.tsx':
      "import { Row } from './row';\nimport fs from 'node:fs';\nexport const List = () => <Row>{fs}</Row>;",
    'row.tsx': 'export function Row() { return <div/>; }',
    'b.cjs': "const { help } = require('./lib.cjs'); const lib = require('./lib.cjs'); help(); lib.other();",
    'lib.cjs': 'exports.help = function () {}; function other() {} module.exports.other = other;',
  });
  assert.deepEqual(relations(graphs['a.tsx'], 'calls'), ['#List -> row.tsx#Row scope']);
  assert.deepEqual(relations(graphs['a.tsx'], 'imports'), [
    'a.tsx -> node:fs syntax',
    'a.tsx -> row.tsx syntax',
  ]);
  assert.deepEqual(relations(graphs['b.cjs'], 'calls'), [
    'b.cjs -> lib.cjs#help scope',
    'b.cjs -> lib.cjs#other scope',
  ]);
});

test('a key is used once in a file, and a file with a syntax error still has what was read', (t) => {
  const { 'a.js': graph, 'b.ts': broken } = graphsOf(t, {
    'a.js': 'function f() {} if (1) { function f() {} } var f = 1; class A { m() {} m() {} }',
    'b.ts': "import { x } from './a';\nconst = ;",
  });
  const keys = graph!.nodes.map((one) => one.key);
  assert.equal(new Set(keys).size, keys.length);
  assert.deepEqual(
    broken!.nodes.map((one) => one.key),
    ['b.ts'],
  );
});
