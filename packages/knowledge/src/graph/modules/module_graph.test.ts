// biome-ignore-all lint/suspicious/noTemplateCurlyInString: sources under test have templates
import assert from 'node:assert/strict';
import { mkdirSync, realpathSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { tempRepo } from '../../testing.ts';
import { walkRepository } from '../../walk/walk_repository.ts';
import { buildModuleGraph, type ModuleGraph } from './module_graph.ts';

type Files = Record<string, string>;

async function graphOf(t: TestContext, files: Files, prepare?: (root: string) => void): Promise<ModuleGraph> {
  const repo = tempRepo(files);
  t.after(repo.remove);
  prepare?.(repo.root);
  const root = realpathSync(repo.root);
  const { candidates } = await walkRepository({ root });
  return await buildModuleGraph({ root, candidates });
}

const shown = (graph: ModuleGraph) =>
  graph.edges.map(
    (edge) => `${edge.from} -> ${edge.to} ${edge.kind}${edge.confidence < 1 ? ` ${edge.confidence}` : ''}`,
  );
const missing = (graph: ModuleGraph) => graph.unresolved.map((one) => `${one.specifier} ${one.reason}`);

test('each way to import a file has its kind, its place and one edge', async (t) => {
  const graph = await graphOf(t, {
    'a.ts': [
      "import { b } from './b';",
      "import type { C } from './c';",
      "import { type D } from './d';",
      "export * from './e.js';",
      "export type { F } from './f';",
      "  const g = await import('./g');",
      "import h = require('./h');",
      "type I = import('./i').I;",
      "declare module './j' {}",
      "import './b';",
      'export {} from "./k";',
    ].join('\n'),
    ...Object.fromEntries('bcdefghijk'.split('').map((name) => [`${name}.ts`, 'export {};'])),
  });
  assert.deepEqual(shown(graph), [
    'a.ts -> b.ts static',
    'a.ts -> c.ts type',
    'a.ts -> d.ts type',
    'a.ts -> e.ts reexport',
    'a.ts -> f.ts type',
    'a.ts -> g.ts dynamic',
    'a.ts -> h.ts require',
    'a.ts -> i.ts type',
    'a.ts -> j.ts type',
    'a.ts -> k.ts reexport',
  ]);
  assert.deepEqual(graph.edges[5], {
    from: 'a.ts',
    to: 'g.ts',
    kind: 'dynamic',
    provenance: 'syntax',
    confidence: 1,
    specifier: './g',
    position: { line: 6, column: 26 },
  });
});

test('require counts in scripts, but not one the file defines itself', async (t) => {
  const graph = await graphOf(t, {
    'a.cjs': "const b = require('./b'); if (x) require('./c.cjs'); require.resolve('./d');",
    'bundle.js': '(function (require) { require("./b"); })(f);',
    'esm.mjs':
      "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url); require('./b.js');",
    'jsdoc.js': "/** @type {import('./c.cjs').C} */ let c;",
    'b.js': '',
    'c.cjs': '',
    'd.js': '',
  });
  assert.deepEqual(shown(graph), [
    'a.cjs -> b.js require',
    'a.cjs -> c.cjs require',
    'esm.mjs -> b.js require',
    'jsdoc.js -> c.cjs type',
  ]);
  assert.deepEqual(
    graph.external.map((one) => `${one.package} ${one.kind}`),
    ['node:module static'],
  );
});

test('a computed import is a maybe edge to every file its static parts fit', async (t) => {
  const graph = await graphOf(t, {
    'a.ts': [
      'import(`./locales/${lang}.js`);',
      "import('./plugins/' + name);",
      "import(dark ? './dark' : './light');",
      'import(`./nothing/${x}.ts`);',
      'import(anything);',
      'import(`./locales/${lang}/${part}.json`);',
      'require(`@acme/kit/${x}`);',
      'import(`./dark`);',
    ].join('\n'),
    'locales/en.ts': '',
    'locales/ko.ts': '',
    'locales/en.css': '',
    'locales/en/menu.json': '{}',
    'plugins/one.ts': '',
    'plugins/two/index.tsx': '',
    'dark.ts': '',
    'light.ts': '',
    'package.json': '{"workspaces": ["kit"]}',
    'kit/package.json': '{"name": "@acme/kit"}',
    'kit/src/x.ts': '',
  });
  assert.deepEqual(shown(graph), [
    'a.ts -> locales/en.ts maybe 0.5',
    'a.ts -> locales/ko.ts maybe 0.5',
    'a.ts -> plugins/one.ts maybe 0.5',
    'a.ts -> plugins/two/index.tsx maybe 0.5',
    'a.ts -> dark.ts maybe 0.5',
    'a.ts -> light.ts maybe 0.5',
    'a.ts -> locales/en/menu.json maybe',
    'a.ts -> kit/src/x.ts maybe',
    'a.ts -> dark.ts dynamic',
  ]);
  assert.deepEqual(missing(graph), ['`./nothing/${x}.ts` no_match', 'anything computed']);
  assert.deepEqual(graph.edges[0]!.position, { line: 1, column: 8 });
});

test('what cannot be resolved is a row with its reason', async (t) => {
  const graph = await graphOf(t, {
    'a.ts':
      "import './gone'; import 'declared'; import 'unknown'; import './Case'; import 'installed/hidden'; import 'fs';",
    'case.ts': '',
    'package.json': '{"dependencies": {"declared": "1"}}',
    'node_modules/installed/package.json': '{"name": "installed", "exports": "./index.js"}',
    'node_modules/installed/index.js': '',
  });
  assert.deepEqual(missing(graph), [
    './gone no_such_file',
    'declared not_installed',
    'unknown unknown_package',
    './Case case_mismatch',
    'installed/hidden not_exported',
  ]);
  assert.equal(graph.unresolved[3]!.detail, 'there is case.ts');
  assert.deepEqual(
    graph.external.map((one) => one.package),
    ['node:fs'],
  );
});

test('a file with a syntax error keeps the imports that can be read, and a warning', async (t) => {
  const graph = await graphOf(t, { 'a.ts': "import './b';\nconst = ;", 'b.ts': '' });
  assert.deepEqual(graph.files, ['a.ts', 'b.ts']);
  assert.match(graph.warnings[0]!.why, /syntax error/);
});

test('two names that differ in letter case only are warned of', async (t) => {
  const graph = await graphOf(t, { 'src/Foo.ts': '', 'src/foo.ts': '', 'a.ts': "import './src/Foo';" });
  assert.deepEqual(shown(graph), ['a.ts -> src/Foo.ts static']);
  assert.deepEqual(graph.warnings, [
    { path: 'src/foo.ts', why: 'differs from src/Foo.ts in letter case only' },
  ]);
});

test('bundles, other encodings and strange line ends do not spoil the graph', async (t) => {
  const repo = tempRepo({
    'a.ts': "\ufeff// one\r\nimport './b';\r\n\timport('./big');\r\n",
    'b.ts': Buffer.from("\ufeffimport './a';", 'utf16le'),
    'latin.ts': Buffer.from([0x2f, 0x2f, 0xe9, 0x0a]),
    'big.js': `import './a';${'x=1;'.repeat(5_000_000)}`,
  });
  t.after(repo.remove);
  const root = realpathSync(repo.root);
  const graph = await buildModuleGraph({ root, candidates: (await walkRepository({ root })).candidates });
  assert.deepEqual(shown(graph), ['a.ts -> b.ts static', 'a.ts -> big.js dynamic', 'b.ts -> a.ts static']);
  assert.deepEqual(graph.edges[1]!.position, { line: 3, column: 9 });
  assert.deepEqual(graph.warnings, [
    { path: 'big.js', why: 'larger than 1 MB' },
    { path: 'latin.ts', why: 'not valid UTF-8 text' },
  ]);
});

const options = (compilerOptions: object, more: object = {}) => JSON.stringify({ compilerOptions, ...more });

/** One import of a monorepo each: the specifier in `packages/app/src/main.ts` and the file it must mean. */
const ALIAS_CASES: Array<{
  name: string;
  files: Files;
  specifier: string;
  to?: string;
  /** A folder and the place that links to it, as a package manager would. */
  link?: [string, string];
  unlinked?: boolean;
}> = [
  {
    name: 'paths of the package itself',
    files: {
      'packages/app/tsconfig.json': options({ paths: { '@/*': ['./src/*'] } }),
      'packages/app/src/x.ts': '',
    },
    specifier: '@/x',
    to: 'packages/app/src/x.ts',
  },
  {
    name: 'baseUrl of the package',
    files: { 'packages/app/tsconfig.json': options({ baseUrl: './src' }), 'packages/app/src/lib/x.ts': '' },
    specifier: 'lib/x',
    to: 'packages/app/src/lib/x.ts',
  },
  {
    name: 'paths relative to baseUrl',
    files: {
      'packages/app/tsconfig.json': options({ baseUrl: './src', paths: { '~/*': ['./lib/*'] } }),
      'packages/app/src/lib/x.ts': '',
    },
    specifier: '~/x',
    to: 'packages/app/src/lib/x.ts',
  },
  {
    name: 'an exact path beats a starred one',
    files: {
      'packages/app/tsconfig.json': options({ paths: { 'cfg/*': ['./src/a/*'], 'cfg/x': ['./src/b.ts'] } }),
      'packages/app/src/a/x.ts': '',
      'packages/app/src/b.ts': '',
    },
    specifier: 'cfg/x',
    to: 'packages/app/src/b.ts',
  },
  {
    name: 'the longest prefix wins',
    files: {
      'packages/app/tsconfig.json': options({ paths: { '@/*': ['./src/*'], '@/ui/*': ['./ui/*'] } }),
      'packages/app/ui/x.ts': '',
      'packages/app/src/ui/x.ts': '',
    },
    specifier: '@/ui/x',
    to: 'packages/app/ui/x.ts',
  },
  {
    name: 'a second target when the first is not there',
    files: {
      'packages/app/tsconfig.json': options({ paths: { '@/*': ['./gen/*', './src/*'] } }),
      'packages/app/src/x.ts': '',
    },
    specifier: '@/x',
    to: 'packages/app/src/x.ts',
  },
  {
    name: 'a star with a suffix',
    files: {
      'packages/app/tsconfig.json': options({ paths: { '@/*.model': ['./src/models/*.ts'] } }),
      'packages/app/src/models/x.ts': '',
    },
    specifier: '@/x.model',
    to: 'packages/app/src/models/x.ts',
  },
  {
    name: 'a pattern with two stars matches nothing and spoils nothing',
    files: {
      'packages/app/tsconfig.json': options({ paths: { '@two/*/x/*': ['./src/*/*'], '@/*': ['./src/*'] } }),
      'packages/app/src/x.ts': '',
    },
    specifier: '@/x',
    to: 'packages/app/src/x.ts',
  },
  {
    name: 'two stars themselves',
    files: {
      'packages/app/tsconfig.json': options({ paths: { '@two/*/x/*': ['./src/*/*'] } }),
      'packages/app/src/a/b.ts': '',
    },
    specifier: '@two/a/x/b',
  },
  {
    name: 'the same alias means another folder in another package',
    files: {
      'packages/app/tsconfig.json': options({ paths: { '@/*': ['./src/*'] } }),
      'packages/other/tsconfig.json': options({ paths: { '@/*': ['./src/*'] } }),
      'packages/other/src/x.ts': '',
      'packages/app/src/x.ts': '',
    },
    specifier: '@/x',
    to: 'packages/app/src/x.ts',
  },
  {
    name: 'paths of a base by a relative extends',
    files: {
      'tsconfig.base.json': options({ paths: { '@lib/*': ['./packages/lib/src/*'] } }),
      'packages/app/tsconfig.json': JSON.stringify({ extends: '../../tsconfig.base.json' }),
      'packages/lib/src/x.ts': '',
    },
    specifier: '@lib/x',
    to: 'packages/lib/src/x.ts',
  },
  {
    name: 'paths of the root when the package has no tsconfig',
    files: {
      'tsconfig.json': options({ paths: { '@lib/*': ['./packages/lib/src/*'] } }),
      'packages/lib/src/x.ts': '',
    },
    specifier: '@lib/x',
    to: 'packages/lib/src/x.ts',
  },
  {
    name: 'extends from an installed package',
    files: {
      'node_modules/@base/ts/package.json': '{"name": "@base/ts"}',
      'node_modules/@base/ts/tsconfig.json': options({ strict: true }),
      'packages/app/tsconfig.json': options(
        { paths: { '@/*': ['./src/*'] } },
        { extends: '@base/ts/tsconfig.json' },
      ),
      'packages/app/src/x.ts': '',
    },
    specifier: '@/x',
    to: 'packages/app/src/x.ts',
  },
  {
    name: 'extends from a package that is not installed',
    files: {
      'packages/app/tsconfig.json': options(
        { paths: { '@/*': ['./src/*'] } },
        { extends: '@base/gone/tsconfig.json' },
      ),
      'packages/app/src/x.ts': '',
    },
    specifier: '@/x',
    to: 'packages/app/src/x.ts',
  },
  {
    name: 'a list of extends, the last one first',
    files: {
      'a.json': options({ paths: { '@/*': ['./nowhere/*'] } }),
      'b.json': options({ paths: { '@/*': ['./packages/app/src/*'] } }),
      'packages/app/tsconfig.json': JSON.stringify({ extends: ['../../a.json', '../../b.json'] }),
      'packages/app/src/x.ts': '',
    },
    specifier: '@/x',
    to: 'packages/app/src/x.ts',
  },
  {
    name: 'a cycle of extends',
    files: {
      'packages/app/tsconfig.json': options(
        { paths: { '@/*': ['./src/*'] } },
        { extends: './tsconfig.b.json' },
      ),
      'packages/app/tsconfig.b.json': JSON.stringify({ extends: './tsconfig.json' }),
      'packages/app/src/x.ts': '',
    },
    specifier: '@/x',
    to: 'packages/app/src/x.ts',
  },
  {
    name: 'a tsconfig with comments, trailing commas and a BOM',
    files: {
      'packages/app/tsconfig.json':
        '\ufeff{ // why\n /* because */ "compilerOptions": { "paths": { "@/*": ["./src/*",], }, }, }',
      'packages/app/src/x.ts': '',
    },
    specifier: '@/x',
    to: 'packages/app/src/x.ts',
  },
  {
    name: 'paths of a referenced project',
    files: {
      'packages/app/tsconfig.json': JSON.stringify({
        files: [],
        references: [{ path: './tsconfig.app.json' }],
      }),
      'packages/app/tsconfig.app.json': options(
        { composite: true, paths: { '@/*': ['./src/*'] } },
        { include: ['src'] },
      ),
      'packages/app/src/x.ts': '',
    },
    specifier: '@/x',
    to: 'packages/app/src/x.ts',
  },
  {
    name: 'paths of a config whose include leaves the file out',
    files: {
      'packages/app/tsconfig.json': options({ paths: { '@/*': ['./lib/*'] } }, { include: ['lib'] }),
      'packages/app/lib/x.ts': '',
    },
    specifier: '@/x',
    to: 'packages/app/lib/x.ts',
  },
  {
    name: 'the directory of the config as a variable',
    files: {
      'base.json': options({ paths: { '@/*': ['${configDir}/src/*'] } }),
      'packages/app/tsconfig.json': JSON.stringify({ extends: '../../base.json' }),
      'packages/app/src/x.ts': '',
    },
    specifier: '@/x',
    to: 'packages/app/src/x.ts',
  },
  {
    name: 'a linked package of the workspace',
    files: {
      'packages/lib/package.json': '{"name": "@acme/lib", "main": "./src/x.ts"}',
      'packages/lib/src/x.ts': '',
    },
    specifier: '@acme/lib',
    to: 'packages/lib/src/x.ts',
    link: ['packages/lib', 'node_modules/@acme/lib'],
  },
  {
    name: 'a package of the workspace that is not installed',
    files: {
      'package.json': '{"workspaces": ["packages/*"]}',
      'packages/lib/package.json': '{"name": "@acme/lib", "main": "./src/x.ts"}',
      'packages/lib/src/x.ts': '',
    },
    specifier: '@acme/lib',
    to: 'packages/lib/src/x.ts',
    unlinked: true,
  },
  {
    name: 'a package of a pnpm workspace with an exports map',
    files: {
      'pnpm-workspace.yaml': 'packages:\n  - packages/*\n',
      'packages/lib/package.json':
        '{"name": "@acme/lib", "exports": {"./sub/*": "./src/deep/*.ts", ".": "./src/main.ts"}}',
      'packages/lib/src/deep/x.ts': '',
    },
    specifier: '@acme/lib/sub/x',
    to: 'packages/lib/src/deep/x.ts',
    unlinked: true,
  },
  {
    name: 'a package whose build is not there: its source',
    files: {
      'package.json': '{"workspaces": {"packages": ["packages/*"]}}',
      'packages/lib/package.json':
        '{"name": "@acme/lib", "exports": {".": {"types": "./dist/index.d.ts", "import": "./dist/index.mjs"}}}',
      'packages/lib/src/index.ts': '',
    },
    specifier: '@acme/lib',
    to: 'packages/lib/src/index.ts',
    unlinked: true,
  },
  {
    name: 'an exports map that hides a file',
    files: {
      'package.json': '{"workspaces": ["packages/*"]}',
      'packages/lib/package.json': '{"name": "@acme/lib", "exports": {".": "./src/index.ts"}}',
      'packages/lib/src/index.ts': '',
      'packages/lib/src/x.ts': '',
    },
    specifier: '@acme/lib/src/x',
  },
  {
    name: 'an import map of the package (#…)',
    files: {
      'packages/app/package.json': '{"name": "app", "imports": {"#in/*": "./src/in/*.ts"}}',
      'packages/app/src/in/x.ts': '',
    },
    specifier: '#in/x',
    to: 'packages/app/src/in/x.ts',
  },
  {
    name: 'a package that names itself',
    files: {
      'packages/app/package.json': '{"name": "app", "exports": {"./x": "./src/x.ts"}}',
      'packages/app/src/x.ts': '',
    },
    specifier: 'app/x',
    to: 'packages/app/src/x.ts',
  },
  {
    name: 'custom conditions of the tsconfig',
    files: {
      'package.json': '{"workspaces": ["packages/*"]}',
      'packages/app/tsconfig.json': options({ customConditions: ['@acme/source'] }),
      'packages/lib/package.json':
        '{"name": "lib", "exports": {".": {"@acme/source": "./src/index.ts", "default": "./built.js"}}}',
      'packages/lib/src/index.ts': '',
      'packages/lib/built.js': '',
    },
    specifier: 'lib',
    to: 'packages/lib/src/index.ts',
    link: ['packages/lib', 'node_modules/lib'],
  },
  {
    name: 'a compiled extension of a source',
    files: { 'packages/app/src/x.mts': '' },
    specifier: './x.mjs',
    to: 'packages/app/src/x.mts',
  },
  {
    name: 'a folder with an index',
    files: { 'packages/app/src/dir/index.tsx': '' },
    specifier: './dir',
    to: 'packages/app/src/dir/index.tsx',
  },
  {
    name: 'a source beside what was compiled from it',
    files: { 'packages/app/src/x.ts': '', 'packages/app/src/x.js': '', 'packages/app/src/x.d.ts': '' },
    specifier: './x.js',
    to: 'packages/app/src/x.ts',
  },
];

for (const { name, files, specifier, to, link, unlinked } of ALIAS_CASES) {
  test(`monorepo: ${name}`, async (t) => {
    const from = 'packages/app/src/main.ts';
    const graph = await graphOf(t, { [from]: `import '${specifier}';`, ...files }, (root) => {
      if (!link) return;
      const repo = { from: join(root, link[1]), to: join(root, link[0]) };
      mkdirSync(dirname(repo.from), { recursive: true });
      symlinkSync(repo.to, repo.from);
    });
    const found = graph.edges.filter((edge) => edge.from === from);
    const { kind, confidence } = unlinked
      ? { kind: 'maybe', confidence: 0.9 }
      : { kind: 'static', confidence: 1 };
    assert.deepEqual(
      found.map((edge) => [edge.to, edge.kind, edge.confidence]),
      to === undefined ? [] : [[to, kind, confidence]],
    );
    assert.equal(graph.unresolved.length, to === undefined ? 1 : 0);
  });
}
