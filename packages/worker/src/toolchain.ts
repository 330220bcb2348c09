import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Step } from './recipe.ts';
import { readPlainText } from './workspace/read_text.ts';

/** What a repository's top folder holds: names, and the text of a file (null where it is not there or no text). */
export interface TopFolder {
  names: string[];
  read: (name: string) => string | null;
}

/** Read from the workspace: what is checked and what says how are the same state of the repository. */
export function topFolder(dir: string): TopFolder {
  return {
    names: readdirSync(dir),
    read: (name) => readPlainText(join(dir, name)),
  };
}

/** How the output of a check is written, for `readFindings`. */
export type OutputFormat = 'eslint-json' | 'ruff-json' | 'github' | 'short' | 'deno' | 'failures';

export interface ToolStep extends Step {
  tool: string;
  format: OutputFormat;
  /** Folders beside the package.json that have to be installed. */
  needs: 'node_modules' | null;
}

export interface Toolchain {
  name: 'npm' | 'pnpm' | 'yarn' | 'bun' | 'deno' | 'cargo' | 'go' | 'python' | 'make';
  build: ToolStep[];
  test: ToolStep[];
  lint: ToolStep[];
  types: ToolStep[];
}

type Kind = 'build' | 'test' | 'lint' | 'types';

const TIMEOUT_S = 900;

/** The toolchains a repository uses, by the files they are known for; `make` only where there is no other. */
export function detectToolchains(top: TopFolder): Toolchain[] {
  const found = [node(top), deno(top), cargo(top), go(top), python(top)].filter((each) => each !== null);
  const useful = found.filter((each) =>
    [each.build, each.test, each.lint, each.types].some((s) => s.length > 0),
  );
  if (useful.length > 0) return useful;
  const last = make(top);
  return last ? [last] : [];
}

function step(
  tool: string,
  name: string,
  argv: string[],
  format: OutputFormat = 'failures',
  needs: ToolStep['needs'] = null,
): ToolStep {
  return { name, argv, cwd: '', timeoutS: TIMEOUT_S, tool, format, needs };
}

/** The package manager of a package: what it says itself, else whose lock file lies there. */
export function packageManager(top: TopFolder): 'npm' | 'pnpm' | 'yarn' | 'bun' {
  const said = /^(npm|pnpm|yarn|bun)@/.exec(String(packageJson(top)?.['packageManager'] ?? ''))?.[1];
  if (said) return said as 'npm' | 'pnpm' | 'yarn' | 'bun';
  const has = (name: string) => top.names.includes(name);
  if (has('pnpm-lock.yaml') || has('pnpm-workspace.yaml')) return 'pnpm';
  if (has('bun.lock') || has('bun.lockb')) return 'bun';
  return has('yarn.lock') && !has('package-lock.json') ? 'yarn' : 'npm';
}

function packageJson(top: TopFolder): Record<string, unknown> | null {
  try {
    const parsed: unknown = JSON.parse(top.read('package.json') ?? 'null');
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

function node(top: TopFolder): Toolchain | null {
  const json = packageJson(top);
  if (!json) return null;
  const name = packageManager(top);
  const scripts = (typeof json['scripts'] === 'object' && json['scripts']) || {};
  const runner = {
    npm: ['npm', 'run', '--silent'],
    pnpm: ['pnpm', 'run', '--silent'],
    yarn: ['yarn', 'run'],
    bun: ['bun', 'run'],
  }[name];
  const needs = dependsOnAnything(json) ? 'node_modules' : null;
  const script = (kind: Kind, ...names: string[]): ToolStep[] => {
    const own = names.find((each) => isScript((scripts as Record<string, unknown>)[each]));
    return own === undefined ? [] : [step(name, kind, [...runner, own], 'failures', needs)];
  };
  const installed = (tool: string, kind: Kind, argv: string[], format: OutputFormat) =>
    step(tool, kind === tool ? kind : `${kind}: ${tool}`, argv, format, 'node_modules');
  const lint: ToolStep[] = [];
  if (top.names.some((each) => /^biome\.jsonc?$/.test(each))) {
    lint.push(
      installed(
        'biome',
        'lint',
        ['biome', 'lint', '--reporter=github', '--max-diagnostics=none', '.'],
        'github',
      ),
    );
  }
  if (top.names.some((each) => /^(?:eslint\.config\.[cm]?[jt]s|\.eslintrc(?:\.\w+)?)$/.test(each))) {
    lint.push(installed('eslint', 'lint', ['eslint', '--format', 'json', '.'], 'eslint-json'));
  }
  const types = top.names.includes('tsconfig.json')
    ? [installed('tsc', 'types', ['tsc', '--noEmit', '--pretty', 'false'], 'failures')]
    : script('types', 'typecheck', 'type-check', 'types');
  return {
    name,
    build: script('build', 'build'),
    test: script('test', 'test'),
    lint: lint.length > 0 ? lint : script('lint', 'lint'),
    types,
  };
}

/** What `npm init` writes is a reminder, not a test. */
function isScript(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && !value.includes('no test specified');
}

function dependsOnAnything(json: Record<string, unknown>): boolean {
  return ['dependencies', 'devDependencies', 'workspaces'].some((key) => {
    const value = json[key];
    if (Array.isArray(value)) return value.length > 0;
    return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
  });
}

function deno(top: TopFolder): Toolchain | null {
  const config = top.names.find((each) => /^deno\.jsonc?$/.test(each));
  if (!config) return null;
  const task = /"tasks"\s*:\s*\{[^}]*"build"\s*:/.test(top.read(config) ?? '');
  return {
    name: 'deno',
    build: task ? [step('deno', 'deno build', ['deno', 'task', 'build'])] : [],
    test: [step('deno', 'deno test', ['deno', 'test', '--allow-all', '--no-prompt'])],
    lint: [step('deno', 'deno lint', ['deno', 'lint', '--compact'], 'deno')],
    types: [step('deno', 'deno types', ['deno', 'check', '.'])],
  };
}

function cargo(top: TopFolder): Toolchain | null {
  if (!top.names.includes('Cargo.toml')) return null;
  const locked = top.names.includes('Cargo.lock') ? ['--locked'] : [];
  const all = /^\[workspace\]/m.test(top.read('Cargo.toml') ?? '') ? ['--workspace'] : [];
  const run = (kind: string, ...more: string[]) => ['cargo', kind, ...locked, ...all, ...more];
  return {
    name: 'cargo',
    build: [step('cargo', 'cargo build', run('build'))],
    test: [step('cargo', 'cargo test', run('test'))],
    lint: [step('clippy', 'cargo clippy', run('clippy', '--message-format=short'), 'short')],
    types: [step('cargo', 'cargo check', run('check', '--message-format=short'), 'short')],
  };
}

function go(top: TopFolder): Toolchain | null {
  if (!top.names.includes('go.mod') && !top.names.includes('go.work')) return null;
  return {
    name: 'go',
    build: [step('go', 'go build', ['go', 'build', './...'])],
    test: [step('go test', 'go test', ['go', 'test', './...'])],
    lint: [step('go vet', 'go vet', ['go', 'vet', './...'])],
    types: [],
  };
}

function python(top: TopFolder): Toolchain | null {
  const has = (...names: string[]) => names.some((name) => top.names.includes(name));
  if (
    !has('pyproject.toml', 'setup.py', 'setup.cfg', 'requirements.txt', 'pytest.ini', 'tox.ini', 'ruff.toml')
  )
    return null;
  const project = `${top.read('pyproject.toml') ?? ''}\n${top.read('setup.cfg') ?? ''}\n${top.read('tox.ini') ?? ''}`;
  const section = (name: string) => new RegExp(`^\\[(?:tool[.:])?${name}\\b`, 'm').test(project);
  const tests = has('pytest.ini', 'conftest.py', 'tests', 'test') || section('pytest');
  return {
    name: 'python',
    build: [],
    test: tests ? [step('pytest', 'pytest', ['python3', '-m', 'pytest', '-q'])] : [],
    lint:
      has('ruff.toml', '.ruff.toml') || section('ruff')
        ? [step('ruff', 'ruff', ['ruff', 'check', '--no-cache', '--output-format', 'json', '.'], 'ruff-json')]
        : [],
    types: [
      ...(has('mypy.ini') || section('mypy')
        ? [step('mypy', 'mypy', ['mypy', '--no-color-output', '--show-column-numbers', '.'], 'short')]
        : []),
      ...(has('pyrightconfig.json') || section('pyright')
        ? [step('pyright', 'pyright', ['pyright'], 'short')]
        : []),
    ],
  };
}

function make(top: TopFolder): Toolchain | null {
  const file = ['GNUmakefile', 'makefile', 'Makefile'].find((name) => top.names.includes(name));
  if (file === undefined) return null;
  const text = top.read(file) ?? '';
  const target = (...names: string[]) => {
    const own = names.find((name) => new RegExp(`^${name}\\s*:(?!=)`, 'm').test(text));
    return own === undefined ? [] : [step('make', `make ${own}`, ['make', own])];
  };
  return {
    name: 'make',
    build: target('build', 'all'),
    test: target('test', 'check'),
    lint: target('lint'),
    types: target('typecheck'),
  };
}
