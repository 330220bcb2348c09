import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { tempRepo } from '../../testing.ts';
import { loadProgram } from './load_program.ts';
import { analyseProgram } from './program.ts';

/** Every call of the files with what it may reach, as source text: `a() -> function a`. Sorted. */
function callsOf(t: TestContext, files: Record<string, string>, all = Object.keys(files)): string[] {
  const repo = tempRepo(files);
  t.after(repo.remove);
  const program = loadProgram(repo.root, all);
  const { sites, bodies } = analyseProgram(program);
  const texts = new Map(program.map(({ path, text }) => [path, text]));
  const lines = sites.flatMap((site) =>
    [...site.callees].map((id) => {
      const body = bodies.get(id)!;
      const call = texts.get(site.file)!.slice(site.start, site.end);
      const callee = texts
        .get(body.file)!
        .slice(body.start, body.end)
        .split(/[\s({]*[({]/)[0];
      return `${call} -> ${callee?.replace(/\s+/g, ' ').trim()}`;
    }),
  );
  return lines.sort();
}

const one = (t: TestContext, code: string, path = 'a.js') => callsOf(t, { [path]: code });

/** A case each: what flows how, the code, and all calls with what they reach. */
const CASES: Array<[name: string, code: string, calls: string[]]> = [
  [
    'by name, hoisted and shadowed',
    'f(); { let f = () => {}; f(); } function f() {}',
    ['f() -> ', 'f() -> function f'],
  ],
  [
    'through variables and conditions',
    'const g = x ? function a() {} : function b() {}; g();',
    ['g() -> function a', 'g() -> function b'],
  ],
  [
    'through parameters and results',
    'function id(x) { return x; } function f() {} id(f)();',
    ['id(f) -> function id', 'id(f)() -> function f'],
  ],
  [
    'through properties',
    'const o = { p: function p() {} }; o.q = function q() {}; o.p(); o["q"]();',
    ['o.p() -> function p', 'o["q"]() -> function q'],
  ],
  [
    'through a literal constant as key',
    'const K = "k"; const o = { k: function k() {}, l: function l() {} }; o[K]();',
    ['o[K]() -> function k'],
  ],
  [
    'through destructuring with defaults and rest',
    'const { a, b: [c], ...r } = { a: function a() {}, b: [function c() {}], z: function z() {} }; a(); c(); r.z();',
    ['a() -> function a', 'c() -> function c', 'r.z() -> function z'],
  ],
  [
    'through arrays by their indexes',
    'const l = [function a() {}, function b() {}]; l[1](); const [x, ...y] = l; y[0]();',
    ['l[1]() -> function b', 'y[0]() -> function b'],
  ],
  [
    'through elements added later',
    'const l = []; l.push(function a() {}); for (const f of l) f();',
    ['f() -> function a'],
  ],
  [
    'to methods, overridden ones only',
    'class A { m() {} n() {} } class B extends A { m() {} } const b = new B(); b.m(); b.n();',
    ['b.m() -> m', 'b.n() -> n', 'new B() -> class B extends A'],
  ],
  [
    'to the constructor above and super',
    'class A { constructor(f) { f(); } } class B extends A { constructor() { super(function g() {}); } } new B();',
    ['f() -> function g', 'new B() -> class B extends A', 'super(function g() {}) -> class A'],
  ],
  [
    'to functions on prototypes',
    'function F() {} F.prototype.m = function m() {}; new F().m();',
    ['new F() -> function F', 'new F().m() -> function m'],
  ],
  [
    'with this as the receiver',
    'const o = { f: function f() { this.g(); }, g: function g() {} }; o.f();',
    ['o.f() -> function f', 'this.g() -> function g'],
  ],
  [
    'with call, apply and bind',
    'function f(g) { g(); } f.call(null, function a() {}); f.apply(null, [function b() {}]); f.bind(null, function c() {})();',
    [
      'f.apply(null, [function b() {}]) -> function f',
      'f.bind(null, function c() {})() -> function f',
      'f.call(null, function a() {}) -> function f',
      'g() -> function a',
      'g() -> function b',
      'g() -> function c',
    ],
  ],
  [
    'through callbacks of arrays',
    '[function a() {}].map((f) => f).forEach((g) => { g(); });',
    ['g() -> function a'],
  ],
  [
    'through promises and await',
    'async function p() { return function a() {}; } p().then((f) => { f(); }); (async () => { (await p())(); })();',
    [
      '(async () => { (await p())(); })() -> async',
      '(await p())() -> function a',
      'f() -> function a',
      'p() -> async function p',
      'p() -> async function p',
    ],
  ],
  [
    'through rejections, to their handler only',
    'new Promise((y, n) => { n(function no() {}); }).then((f) => { f(); }, (g) => { g(); });',
    ['g() -> function no'],
  ],
  [
    'through throw and catch',
    'function t() { throw function e() {}; } try { t(); } catch (e) { e(); }',
    ['e() -> function e', 't() -> function t'],
  ],
  [
    'through generators',
    'function* g() { yield function a() {}; } for (const f of g()) f(); [...g()][0]();',
    ['[...g()][0]() -> function a', 'f() -> function a', 'g() -> function* g', 'g() -> function* g'],
  ],
  [
    'through maps and sets',
    'const m = new Map([["k", function a() {}]]); m.get("k")(); for (const f of new Set([function b() {}])) f();',
    ['f() -> function b', 'm.get("k")() -> function a'],
  ],
  [
    'through getters and setters',
    'let kept; const o = { get g() { return function a() {}; }, set s(v) { kept = v; } }; o.g(); o.s = function b() {}; kept();',
    ['kept() -> function b', 'o.g() -> function a'],
  ],
  [
    'through Object.assign and spread',
    'const o = Object.assign({}, { a: function a() {} }); const p = { ...o }; p.a();',
    ['p.a() -> function a'],
  ],
  [
    'through rest and spread arguments',
    'function f(...r) { r[1](); } const l = [1, function a() {}]; f(...l);',
    ['f(...l) -> function f', 'r[1]() -> function a'],
  ],
];

for (const [name, code, calls] of CASES) {
  test(`calls are followed ${name}`, (t) => {
    assert.deepEqual(one(t, code), calls);
  });
}

test('calls are followed across modules, CommonJS and ES, renamed and re-exported', (t) => {
  const found = callsOf(
    t,
    {
      'main.ts':
        "import d, { b as c } from './barrel';\nimport * as ns from './b';\nd(); c(); ns.b();\nimport('./b').then((m) => m.b());",
      'barrel.ts': "export { default, b } from './b';\nexport * from './b';",
      'b.ts': 'export function b() {}\nexport default function d() {}',
      'script.cjs': "const { s } = require('./lib.cjs'); s(); require('./lib.cjs').t();",
      'lib.cjs': 'exports.s = function s() {}; module.exports.t = function t() {};',
    },
    ['main.ts', 'script.cjs'],
  );
  assert.deepEqual(found, [
    'c() -> function b',
    'd() -> function d',
    'm.b() -> function b',
    'ns.b() -> function b',
    "require('./lib.cjs').t() -> function t",
    's() -> function s',
  ]);
});

test('types are looked through: casts, parameter properties, enums and namespaces', (t) => {
  assert.deepEqual(
    one(
      t,
      'namespace N { export function n() {} } N.n(); class C { constructor(private f: () => void) {} go() { (this.f as any)!(); } } new C(function a() {}).go();',
      'a.ts',
    ),
    [
      '(this.f as any)!() -> function a',
      'N.n() -> function n',
      'new C(function a() {}) -> class C',
      'new C(function a() {}).go() -> go',
    ],
  );
});

test('a component in JSX is called with its attributes', (t) => {
  assert.deepEqual(
    one(
      t,
      'function Row({ onDone }) { onDone(); return <div/>; } const x = <Row onDone={function done() {}} />;',
      'a.jsx',
    ),
    ['<Row onDone={function done() {}} /> -> function Row', 'onDone() -> function done'],
  );
});
