import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detectToolchains, packageManager, type TopFolder } from './toolchain.ts';

const top = (files: Record<string, string | object>): TopFolder => ({
  names: Object.keys(files),
  read: (name) => {
    const value = files[name];
    return value === undefined ? null : typeof value === 'string' ? value : JSON.stringify(value);
  },
});

test('the package manager is the one the package names, else that of its lock file', () => {
  const table: [Record<string, string | object>, string][] = [
    [{ 'package.json': {} }, 'npm'],
    [{ 'package.json': {}, 'package-lock.json': '', 'yarn.lock': '' }, 'npm'],
    [{ 'package.json': {}, 'pnpm-lock.yaml': '' }, 'pnpm'],
    [{ 'package.json': {}, 'yarn.lock': '' }, 'yarn'],
    [{ 'package.json': {}, 'bun.lock': '' }, 'bun'],
    [{ 'package.json': {}, 'bun.lockb': '' }, 'bun'],
    [{ 'package.json': { packageManager: 'yarn@4.1.0' }, 'package-lock.json': '' }, 'yarn'],
    [{ 'package.json': { packageManager: 'evil; rm' }, 'pnpm-lock.yaml': '' }, 'pnpm'],
  ];
  for (const [files, want] of table) assert.equal(packageManager(top(files)), want, JSON.stringify(files));
});

test('toolchains are known by their files, and give the steps of each kind', () => {
  const scripts = { build: 'tsc', test: 'node --test', lint: 'x', typecheck: 'tsc' };
  const table: [Record<string, string | object>, string, Record<string, string[]>][] = [
    [
      { 'package.json': { scripts } },
      'npm',
      {
        build: ['npm run --silent build'],
        test: ['npm run --silent test'],
        lint: ['npm run --silent lint'],
        types: ['npm run --silent typecheck'],
      },
    ],
    [
      {
        'package.json': { scripts },
        'pnpm-lock.yaml': '',
        'biome.json': '{}',
        'eslint.config.mjs': '',
        'tsconfig.json': '{}',
      },
      'pnpm',
      {
        build: ['pnpm run --silent build'],
        test: ['pnpm run --silent test'],
        lint: ['biome lint --reporter=github --max-diagnostics=none .', 'eslint --format json .'],
        types: ['tsc --noEmit --pretty false'],
      },
    ],
    [
      { 'package.json': { scripts: { test: 'x' } }, 'yarn.lock': '' },
      'yarn',
      { build: [], test: ['yarn run test'], lint: [], types: [] },
    ],
    [
      { 'package.json': { scripts: { test: 'x' } }, 'bun.lock': '' },
      'bun',
      { build: [], test: ['bun run test'], lint: [], types: [] },
    ],
    [
      { 'deno.json': '{"tasks": {"build": "x"}}' },
      'deno',
      {
        build: ['deno task build'],
        test: ['deno test --allow-all --no-prompt'],
        lint: ['deno lint --compact'],
        types: ['deno check .'],
      },
    ],
    [
      { 'Cargo.toml': '[workspace]\n', 'Cargo.lock': '' },
      'cargo',
      {
        build: ['cargo build --locked --workspace'],
        test: ['cargo test --locked --workspace'],
        lint: ['cargo clippy --locked --workspace --message-format=short'],
        types: ['cargo check --locked --workspace --message-format=short'],
      },
    ],
    [
      { 'Cargo.toml': '[package]\n' },
      'cargo',
      {
        build: ['cargo build'],
        test: ['cargo test'],
        lint: ['cargo clippy --message-format=short'],
        types: ['cargo check --message-format=short'],
      },
    ],
    [
      { 'go.mod': '' },
      'go',
      { build: ['go build ./...'], test: ['go test ./...'], lint: ['go vet ./...'], types: [] },
    ],
    [
      { 'pyproject.toml': '[tool.ruff]\n[tool.mypy]\n[tool.pytest.ini_options]\n' },
      'python',
      {
        build: [],
        test: ['python3 -m pytest -q'],
        lint: ['ruff check --no-cache --output-format json .'],
        types: ['mypy --no-color-output --show-column-numbers .'],
      },
    ],
    [
      { 'setup.py': '', tests: '' },
      'python',
      { build: [], test: ['python3 -m pytest -q'], lint: [], types: [] },
    ],
    [
      { 'requirements.txt': '', 'pytest.ini': '', 'pyrightconfig.json': '' },
      'python',
      { build: [], test: ['python3 -m pytest -q'], lint: [], types: ['pyright'] },
    ],
    [
      { Makefile: 'CC := x\nbuild: a\n\ntest:\n\tx\n' },
      'make',
      { build: ['make build'], test: ['make test'], lint: [], types: [] },
    ],
    [
      { Makefile: 'all:\ncheck :\ntest := no\n' },
      'make',
      { build: ['make all'], test: ['make check'], lint: [], types: [] },
    ],
  ];
  for (const [files, name, want] of table) {
    const [got, ...more] = detectToolchains(top(files));
    assert.equal(got?.name, name, JSON.stringify(files));
    assert.deepEqual(more, []);
    for (const kind of ['build', 'test', 'lint', 'types'] as const) {
      assert.deepEqual(
        got![kind].map((step) => step.argv.join(' ')),
        want[kind],
        `${name} ${kind}`,
      );
    }
  }
});

test('several toolchains stand beside each other, make only where it is the only one', () => {
  const names = (files: Record<string, string | object>) =>
    detectToolchains(top(files)).map((each) => each.name);
  const both = { 'package.json': { scripts: { test: 'x' } }, 'Cargo.toml': '', Makefile: 'test:\n' };
  assert.deepEqual(names(both), ['npm', 'cargo']);
  assert.deepEqual(names({ 'package.json': {}, Makefile: 'test:\n' }), ['make']);
  assert.deepEqual(names({ 'package.json': 'no json', 'README.md': '' }), []);
  assert.deepEqual(names({ 'requirements.txt': '' }), []);
  assert.deepEqual(names({}), []);
});

test('step names are unique over all toolchains, and fit for a recipe', () => {
  const files = {
    'package.json': { scripts: { build: 'x', test: 'x' } },
    'biome.json': '',
    '.eslintrc.json': '',
    'tsconfig.json': '',
    'deno.json': '',
    'Cargo.toml': '',
    'go.mod': '',
    'pyproject.toml': '[tool.pytest]\n[tool.ruff]\n[tool.mypy]\n[tool.pyright]\n',
  };
  const steps = detectToolchains(top(files)).flatMap((each) => [
    ...each.build,
    ...each.test,
    ...each.lint,
    ...each.types,
  ]);
  const seen = steps.map((step) => step.name);
  assert.equal(new Set(seen).size, seen.length, seen.join(', '));
  for (const name of seen) assert.match(name, /^[\p{L}\p{N}][\p{L}\p{N} ._:-]{0,63}$/u);
});

test('the placeholder of npm init is no test, and a script that is no text none either', () => {
  const of = (scripts: unknown) => detectToolchains(top({ 'package.json': { scripts } }))[0]?.test ?? [];
  assert.deepEqual(of({ test: 'echo "Error: no test specified" && exit 1' }), []);
  assert.deepEqual(of({ test: 7 }), []);
  assert.deepEqual(of(null), []);
});
