import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { parse as parseJsonc } from 'jsonc-parser';
import type { ModuleGraph } from '../modules/module_graph.ts';
import type { FileDefinitions } from './definitions.ts';
import type { FileSummary } from './exports.ts';
import type { FileGraph } from './symbol.ts';

/**
 * What a file's rows depend on beyond its own text, so that an incremental run knows whom to look at again: a file has a
 * surface (what others can see of it) and looks at the surfaces of others (what it imports, and what re-exports and base
 * classes led it to). A change inside a function changes no surface and concerns nobody else.
 */

/** In `looks_at`: some import is open, so any new file may be what it means. */
export const ANY_FILE = '?';

/** What a specifier may mean without its ending: `a/b.ts`, `a/b.js` and `a/b/index.ts` all take the place of `a/b`. */
export function stem(path: string): string {
  return path.replace(/(?:\.d)?\.[cm]?[jt]sx?$|\.pyi?$/, '').replace(/(?:^|\/)(?:index|__init__)?$/, '');
}

/** What a file that comes or goes may mean to others. */
export function stemsOf(path: string): string[] {
  if (!/\.pyi?$/.test(path)) return [stem(path)];
  // a Python module may be named from any folder above it, and by its package
  const parts = stem(path).split('/');
  return [stem(path), parts.slice(0, -1).join('/'), ...parts.map((part) => `pypi:${part}`)];
}

/** What others see of a code file: the names it gives out, where it passes them on from, members and base classes. */
export function surfaceOf(
  { path, names, stars, parents }: FileSummary,
  definitions: FileDefinitions,
): string {
  const members = definitions.definitions.flatMap(({ node, parent }) => {
    const isInner =
      node.kind === 'function' &&
      /^(?:function|method)$/.test(definitions.byKey.get(parent)?.node.kind ?? '');
    return isInner ? [] : [`${node.key.slice(path.length)} ${node.kind}`];
  });
  return digest([[...names].sort(byName), stars, [...parents].sort(byName), members.sort()]);
}

function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const CONFIG_FILE = /(?:^|\/)(?:[tj]sconfig(?:[^/]*)\.json|package\.json|pnpm-workspace\.yaml|lerna\.json)$/;

/** What the imports of others see of a file that settles where they lead; undefined for any other file. */
export function configSurface(path: string, text: string): string | undefined {
  if (!CONFIG_FILE.test(path)) return undefined;
  if (!path.endsWith('.json')) return digest(text);
  const json = parseJsonc(text, [], { allowTrailingComma: true }) as Record<string, unknown> | undefined;
  if (typeof json !== 'object' || json === null) return digest(null);
  if (posix.basename(path) === 'package.json') {
    const { name, main, module, types, typings, source, exports, imports, workspaces } = json;
    return digest([name, main, module, types, typings, source, exports, imports, workspaces]);
  }
  const options = (json.compilerOptions ?? {}) as Record<string, unknown>;
  const { baseUrl, paths, rootDirs, customConditions } = options;
  const { files, include, exclude, references, packages } = json;
  return digest([
    json.extends,
    baseUrl,
    paths,
    rootDirs,
    customConditions,
    files,
    include,
    exclude,
    references,
    packages,
  ]);
}

/** The folder whose files a changed configuration may lead elsewhere; '' for all, for others may extend or name it. */
export function configScope(path: string): string | undefined {
  if (!CONFIG_FILE.test(path)) return undefined;
  if (!/(?:^|\/)[tj]sconfig\.json$/.test(path)) return '';
  return path.slice(0, path.lastIndexOf('/') + 1);
}

/** Stems of what a file looked at: `consulted` files, targets of its imports, and where its unresolved ones may come to lead. */
export function looksAt(
  path: string,
  { edges, unresolved }: Pick<ModuleGraph, 'edges' | 'unresolved'>,
  consulted: Iterable<string>,
): string[] {
  const found = new Set<string>();
  for (const one of consulted) found.add(stem(one));
  for (const { to, provenance } of edges) {
    found.add(stem(to));
    if (provenance === 'pattern') found.add(ANY_FILE);
  }
  for (const { specifier, reason } of unresolved) {
    if (reason === 'computed') continue;
    const isPlain = /^\.{1,2}(?:\/|$)/.test(specifier) && !/[`$+?!'"]/.test(specifier);
    found.add(isPlain ? stem(posix.join(posix.dirname(path), specifier)) : ANY_FILE);
  }
  found.delete(stem(path));
  return [...found].sort();
}

/** Tells two readings of the relations of one file apart. */
export function relationsHash({ edges, unresolved }: Pick<FileGraph, 'edges' | 'unresolved'>): string {
  return digest([edges, unresolved]);
}

function digest(value: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(value) ?? 'null')
    .digest('base64url')
    .slice(0, 16);
}
