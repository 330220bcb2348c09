import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBlank, linesText, sourceText } from '../source_text.ts';
import { type Chunked, MAX_CHUNK_CHARS } from './chunk.ts';
import { languageOf } from './detect.ts';

async function chunk(path: string, text: string): Promise<Chunked> {
  const source = sourceText(path, text);
  const result = await languageOf(path).chunk(source);
  const seen = new Set<number>();
  for (const one of result.chunks) {
    assert.equal(
      one.text,
      linesText(source, one.startLine, one.endLine),
      `${path}: text is exactly its lines`,
    );
    for (let line = one.startLine; line <= one.endLine; line += 1) {
      assert.ok(!seen.has(line), `${path}: line ${line} is in two chunks`);
      seen.add(line);
    }
  }
  source.lines.forEach((line, index) => {
    assert.ok(isBlank(line) || seen.has(index + 1), `${path}: line ${index + 1} is in no chunk: ${line}`);
  });
  return result;
}

const brief = (result: Chunked) =>
  result.chunks.map((one) =>
    `${one.startLine}-${one.endLine} ${one.kind} ${one.symbol ?? one.heading ?? ''}`.trim(),
  );

test('TypeScript is cut by symbol, each with its leading comment', async () => {
  const result = await chunk(
    'a.ts',
    [
      "import { x } from './x.ts';",
      "import type { Y } from './y.ts';",
      '',
      '/** Adds. */',
      'export function add(a: number, b: number): number {',
      '  return a + b;',
      '}',
      '',
      'export interface Point { x: number }',
      'export const origin: Point = { x: 0 }, one = 1;',
      'export const twice = (n: number) => n * 2;',
      'export type Id = string;',
      'enum Colour { Red }',
      'export class Box extends Object {',
      '  size = 1;',
      '  grow(): void {}',
      '}',
      'export default function () {}',
    ].join('\n'),
  );
  assert.deepEqual(brief(result), [
    '1-2 module',
    '4-7 function add',
    '9-9 interface Point',
    '10-10 variable origin',
    '11-11 function twice',
    '12-12 type Id',
    '13-13 enum Colour',
    '14-17 class Box',
    '18-18 function default',
  ]);
  const add = result.chunks[1]!;
  assert.equal(add.signature, 'export function add(a: number, b: number): number');
  assert.equal(add.docLines, 1);
  assert.deepEqual(result.chunks[3]!.names, ['origin', 'one']);
  assert.deepEqual(result.chunks[7]!.names, ['Box', 'Box.size', 'Box.grow']);
});

test('a long class is taken apart into a head and its methods', async () => {
  const methods = ['alpha', 'beta', 'gamma'].map(
    (name) => `  /** Does ${name}. */\n  ${name}(): void {\n${'    work();\n'.repeat(100)}  }`,
  );
  const result = await chunk(
    'big.ts',
    `/** Big. */\nclass Big {\n  count = 0;\n\n${methods.join('\n\n')}\n}\n`,
  );
  assert.deepEqual(
    result.chunks.map((one) => `${one.kind} ${one.symbol}`),
    ['class Big', 'method Big.alpha', 'method Big.beta', 'method Big.gamma'],
  );
  assert.ok(result.chunks[0]!.text.endsWith('count = 0;'));
  assert.ok(result.chunks[1]!.text.startsWith('  /** Does alpha. */'));
});

test('a comment that a blank line parts from the first symbol speaks of the file', async () => {
  const result = await chunk('h.ts', '// All about prices.\n\n/** Adds. */\nfunction add() {}\n');
  assert.deepEqual(brief(result), ['1-1 module', '3-4 function add']);
});

test('short test cases share a chunk and keep their titles', async () => {
  const result = await chunk('t.test.ts', "test('adds', () => {});\ntest('subtracts', () => {});\n");
  assert.deepEqual(brief(result), ['1-2 test adds']);
  assert.deepEqual(result.chunks[0]!.names, ['adds', 'subtracts']);
});

test('functions inside a long function are found by their own name', async () => {
  const inner = `  function inner(): number {\n${'    tick();\n'.repeat(120)}    return 1;\n  }`;
  const rest = `  const x = 1;\n  return () => {\n${'    more();\n'.repeat(120)}  };`;
  const result = await chunk(
    'factory.ts',
    `export function make() {\n  const a = 1;\n${inner}\n${rest}\n}\n`,
  );
  assert.ok(result.chunks.some((one) => one.symbol === 'make.inner'));
  assert.ok(result.chunks.filter((one) => one.symbol === 'make').length >= 2);
});

test('overloads stand with their implementation', async () => {
  const result = await chunk(
    'o.ts',
    'function f(a: string): string;\nfunction f(a: number): number;\nfunction f(a: unknown) {\n  return a;\n}\nfunction g() {}\n',
  );
  assert.deepEqual(brief(result), ['1-5 function f', '6-6 function g']);
});

test('CommonJS assignments and test cases have names', async () => {
  const result = await chunk(
    'app.js',
    "var app = exports = module.exports = {};\napp.use = function use(fn) {\n  return fn;\n};\ndescribe('the app', function () {\n  it('uses', () => {});\n});\n",
  );
  assert.deepEqual(brief(result), ['1-1 variable app', '2-4 function app.use', '5-7 test the app']);
});

test('a syntax error makes the file text, with a warning that says where', async () => {
  const result = await chunk('broken.ts', 'export const fine = 1;\n\nfunction ( {\n');
  assert.match(result.warning!, /syntax error at line 3/);
  assert.deepEqual(brief(result), ['1-3 window']);
});

test('no chunk of code exceeds the limit unless one line does', async () => {
  const body = Array.from({ length: 400 }, (_, i) => `  step${i}(${i});`).join('\n');
  const result = await chunk('long.ts', `export function long() {\n${body}\n}\n`);
  for (const one of result.chunks) assert.ok(one.text.length <= MAX_CHUNK_CHARS);
  assert.ok(result.chunks.every((one) => one.symbol === 'long'));
});

test('two statements on one line share a chunk', async () => {
  const result = await chunk('one.js', 'function a() {} function b() {}\nconst c = 1;\n');
  assert.deepEqual(brief(result), ['1-1 function a', '2-2 variable c']);
  assert.deepEqual(result.chunks[0]!.names, ['a', 'b']);
});

test('an arrow function may return a class, an object or a call', async () => {
  const result = await chunk(
    'e.ts',
    'export const Mixin = () => class extends Object {\n  a() {}\n};\nexport const o = () => ({ a: 1 });\nit("x", () => f());\n',
  );
  assert.deepEqual(brief(result), ['1-3 function Mixin', '4-4 function o', '5-5 test x']);
});

test('TSX and decorators parse', async () => {
  const result = await chunk('v.tsx', '@dec class A { @p x = 1 }\nexport const V = () => <div>{1}</div>;\n');
  assert.equal(result.warning, undefined);
  assert.deepEqual(brief(result), ['1-1 class A', '2-2 function V']);
});

test('markdown is cut by heading, with the chain of headings and no headings from fences', async () => {
  const result = await chunk(
    'guide.md',
    [
      '---',
      'title: "Guide"',
      '---',
      'Intro.',
      '',
      '# Install',
      '',
      '## Linux {#linux}',
      'Use `apt`.',
      '```sh',
      '# not a heading',
      '```',
      '## 윈도우 [설치](x)',
      'Use it.',
      '',
      'Under',
      '=====',
      'text',
    ].join('\n'),
  );
  assert.deepEqual(brief(result), [
    '1-4 section Guide',
    '6-12 section Guide > Install > Linux',
    '13-14 section Guide > Install > 윈도우 설치',
    '16-18 section Guide > Under',
  ]);
});

test('SQL is cut by statement, named by object, with exact lines after multi-byte text', async () => {
  const result = await chunk(
    's.sql',
    [
      '-- 프로젝트 😀 표',
      'create table cogo.projects (id uuid);',
      'comment on table cogo.projects is $$a; b$$;',
      '',
      '-- adds',
      'create or replace function cogo_api.add(a int, b int) returns int language sql',
      'begin atomic select 1; select a + b; end;',
      'revoke all on function cogo_api.add from public;',
      'create policy p on cogo.projects using (true);',
    ].join('\n'),
  );
  assert.equal(result.warning, undefined);
  assert.deepEqual(brief(result), [
    '1-2 table cogo.projects',
    '3-3 statement',
    '5-7 function cogo_api.add',
    '8-8 statement',
    '9-9 policy p',
  ]);
  assert.equal(
    result.chunks[2]!.signature,
    'create or replace function cogo_api.add(a int, b int) returns int',
  );
});

test('SQL with psql commands and COPY data falls back to scanning', async () => {
  const result = await chunk(
    'p.sql',
    "\\set ON_ERROR_STOP 1\ncreate table a (x text default 'a;b');\ncopy a from stdin;\n1;2\n\\.\ncreate function f() returns void language plpgsql as $fn$ begin perform 1; end $fn$;\n",
  );
  assert.match(result.warning!, /not plain PostgreSQL/);
  const symbols = result.chunks.map((one) => one.symbol).filter((symbol) => symbol !== undefined);
  assert.deepEqual(symbols, ['a', 'f']);
});

test('other text becomes windows, and empty text nothing', async () => {
  const text = Array.from({ length: 200 }, (_, i) => `def f${i}():\n    return ${i}\n`).join('\n');
  const result = await chunk('m.py', text);
  assert.ok(result.chunks.length > 3);
  for (const one of result.chunks) assert.match(one.text, /^def /);
  assert.deepEqual((await chunk('empty.txt', '')).chunks, []);
  assert.deepEqual((await chunk('blank.ts', '\n \n')).chunks, []);
});

test('CRLF files have the lines of the editor', async () => {
  const result = await chunk('w.ts', 'export const a = 1;\r\nexport const b = 2;\r\n');
  assert.deepEqual(brief(result), ['1-1 variable a', '2-2 variable b']);
});
