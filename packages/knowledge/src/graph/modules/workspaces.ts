import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import ignore from 'ignore';
import { parse as parseYaml } from 'yaml';

export interface PackageJson {
  name?: string;
  main?: string;
  module?: string;
  types?: string;
  typings?: string;
  source?: string;
  bin?: string | Record<string, string>;
  exports?: unknown;
  workspaces?: string[] | { packages?: string[] };
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

export interface WorkspacePackage {
  name: string;
  /** Absolute. */
  folder: string;
  json: PackageJson;
}

/**
 * The packages of the monorepos in a repository, by name: what a package manager would link into `node_modules`.
 * npm, Yarn and Bun list them in package.json, pnpm in pnpm-workspace.yaml, Lerna in lerna.json.
 */
export function workspacePackages(root: string, paths: Iterable<string>): Map<string, WorkspacePackage> {
  const manifests = new Map<string, PackageJson>();
  const listings: Array<{ folder: string; patterns: string[] }> = [];
  for (const path of paths) {
    const name = posix.basename(path);
    const folder = path === name ? '' : posix.dirname(path);
    if (name === 'package.json') {
      const json = readJson(join(root, path)) as PackageJson | undefined;
      if (!json) continue;
      manifests.set(folder, json);
      const listed = Array.isArray(json.workspaces) ? json.workspaces : json.workspaces?.packages;
      if (Array.isArray(listed)) listings.push({ folder, patterns: listed });
    } else if (name === 'lerna.json') {
      const json = readJson(join(root, path)) as { packages?: string[] } | undefined;
      listings.push({ folder, patterns: json?.packages ?? ['packages/*'] });
    } else if (name === 'pnpm-workspace.yaml') {
      listings.push({ folder, patterns: pnpmPatterns(join(root, path)) });
    }
  }
  const found = new Map<string, WorkspacePackage>();
  for (const { folder, patterns } of listings) {
    const rules = ignore().add(
      patterns.map((one) => {
        const clean = one.replace(/^(!?)(?:\.\/)?/, '$1/').replace(/\/+$/, '');
        return clean;
      }),
    );
    for (const [at, json] of manifests) {
      if (!json.name || found.has(json.name) || at === folder) continue;
      const relative = folder === '' ? at : at.startsWith(`${folder}/`) ? at.slice(folder.length + 1) : '';
      if (relative !== '' && matches(rules, relative)) {
        found.set(json.name, { name: json.name, folder: join(root, at), json });
      }
    }
  }
  return found;
}

/** The pattern must match the folder itself, not one above it: `packages/*` does not list `packages/a/fixtures/b`. */
function matches(rules: ReturnType<typeof ignore>, relative: string): boolean {
  const own = rules.checkIgnore(`${relative}/`);
  if (!own.ignored) return false;
  const above = posix.dirname(relative);
  if (above === '.') return true;
  return !rules.ignores(`${above}/`) || /\*\*/.test(own.rule?.pattern ?? '');
}

/** Every file of a package that `specifier` (`name` or `name/sub`) can mean, as its manifest ranks them; relative to it. */
export function packageTargets(json: PackageJson, specifier: string): string[] {
  const subpath = `.${specifier.slice((json.name ?? '').length)}`;
  if (json.exports !== undefined) return exportTargets(json.exports, subpath);
  if (subpath !== '.') return [subpath];
  return [json.source, json.types, json.typings, json.module, json.main].filter(
    (one): one is string => typeof one === 'string',
  );
}

function exportTargets(exports: unknown, subpath: string): string[] {
  if (typeof exports === 'string' || Array.isArray(exports)) return subpath === '.' ? leaves(exports) : [];
  if (typeof exports !== 'object' || exports === null) return [];
  const map = exports as Record<string, unknown>;
  const keys = Object.keys(map);
  if (!keys.some((key) => key.startsWith('.'))) return subpath === '.' ? leaves(map) : [];
  if (subpath in map) return leaves(map[subpath]);
  // Node: the longest static prefix wins.
  const patterns = keys
    .filter((key) => key.includes('*'))
    .sort((a, b) => b.indexOf('*') - a.indexOf('*') || b.length - a.length);
  for (const key of patterns) {
    const [prefix = '', suffix = ''] = key.split('*');
    if (!subpath.startsWith(prefix) || !subpath.endsWith(suffix)) continue;
    if (subpath.length < prefix.length + suffix.length) continue;
    const star = subpath.slice(prefix.length, subpath.length - suffix.length);
    return leaves(map[key]).map((one) => one.replaceAll('*', star));
  }
  return [];
}

function leaves(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(leaves);
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(leaves) : [];
}

const BUILT = /(^|\/)(?:dist|build|lib|out|esm|cjs|es|dist-types|types)(?=\/)/;

/** Where the source of a built file would be: `./dist/esm/x.d.ts` -> `./src/x`, `./x`, … without extension. */
export function sourceTwins(target: string): string[] {
  const bare = target.replace(/\.d\.[cm]?ts$|\.[cm]?[jt]sx?$/, '');
  const twins = new Set([bare]);
  let outer = bare;
  for (let turn = 0; turn < 3 && BUILT.test(outer); turn += 1) {
    twins.add(outer.replace(BUILT, '$1src'));
    outer = outer.replace(BUILT, '$1').replace(/\/\//g, '/');
    twins.add(outer);
    twins.add(outer.replace(/^(?:\.\/)?/, './src/'));
  }
  return [...twins].map((one) => (one.startsWith('./') ? one : `./${one}`));
}

/** Nearest manifest at or above a folder, up to the root. */
export function manifestReader(
  root: string,
): (folder: string) => { folder: string; json: PackageJson } | undefined {
  const known = new Map<string, { folder: string; json: PackageJson } | undefined>();
  return function read(folder: string): { folder: string; json: PackageJson } | undefined {
    if (known.has(folder)) return known.get(folder);
    const file = join(folder, 'package.json');
    const json = existsSync(file) ? (readJson(file) as PackageJson | undefined) : undefined;
    const found = json
      ? { folder, json }
      : folder === root || dirname(folder) === folder
        ? undefined
        : read(dirname(folder));
    known.set(folder, found);
    return found;
  };
}

function readJson(file: string): unknown {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8').replace(/^\ufeff/, ''));
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function pnpmPatterns(file: string): string[] {
  try {
    const value = parseYaml(readFileSync(file, 'utf8')) as { packages?: unknown } | null;
    const listed = value?.packages;
    return Array.isArray(listed) ? listed.filter((one): one is string => typeof one === 'string') : [];
  } catch {
    return [];
  }
}
