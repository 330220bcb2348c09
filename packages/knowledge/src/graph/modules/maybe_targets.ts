import { dirname, relative, sep } from 'node:path';
import type { SpecifierPattern } from './specifier_pattern.ts';

/** More files than this for one specifier say nothing about any of them. */
export const MAX_MAYBE_TARGETS = 200;

const EXTENSION = String.raw`(?:\.d)?\.[cm]?[jt]sx?`;
const COMPILED: Record<string, string> = {
  js: '(?:js|jsx|ts|tsx)',
  jsx: '(?:jsx|tsx)',
  mjs: '(?:mjs|mts)',
  cjs: '(?:cjs|cts)',
};

/**
 * The files a computed specifier can mean: its static parts in order, one path segment where it is unknown; if that
 * finds none, any number of segments. `folderOf` resolves a static folder part (`./lib`, `@/locales`).
 */
export function maybeTargets(
  root: string,
  file: string,
  pattern: SpecifierPattern,
  paths: readonly string[],
  folderOf: (specifier: string) => string | undefined,
): string[] {
  const [first = '', ...rest] = pattern.parts;
  const slash = first.lastIndexOf('/');
  // Nothing static before the first unknown but a name: it could be any package.
  const folderPart = slash < 0 ? (first === '' ? undefined : first) : first.slice(0, slash);
  if (folderPart === undefined || (slash < 0 && !first.startsWith('.'))) return [];
  const folder = folderPart === '' ? dirname(file) : folderOf(folderPart);
  if (folder === undefined || (folder !== root && !folder.startsWith(root + sep))) return [];
  const base = relative(root, folder).replaceAll(sep, '/');
  const stem = `${base === '' ? '' : `${base}/`}${first.slice(slash + 1)}`;
  const from = relative(root, file).replaceAll(sep, '/');
  for (const hole of ['[^/]+', '.+']) {
    const matcher = new RegExp(
      `^${[stem, ...rest.slice(0, -1)].map(literally).join(hole)}${hole}${ending(rest.at(-1) ?? '')}$`,
    );
    const found = paths.filter((path) => path !== from && path.startsWith(stem) && matcher.test(path));
    if (found.length > 0) return preferSources(found);
  }
  return [];
}

function ending(last: string): string {
  const compiled = /^(.*)\.(js|jsx|mjs|cjs)$/.exec(last);
  if (compiled) return `${literally(compiled[1]!)}\\.${COMPILED[compiled[2]!]}`;
  if (/\.\w+$/.test(last)) return literally(last);
  return `${literally(last)}(?:${EXTENSION}|/index${EXTENSION}|\\.json)`;
}

function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/** Of `x.ts` and the `x.js` compiled from it, or its declaration, one counts. */
function preferSources(found: string[]): string[] {
  const all = new Set(found);
  return found.filter((path) => {
    const bare = path.replace(/(?:\.d)?\.[cm]?[jt]sx?$/, '');
    if (/\.d\.[cm]?ts$/.test(path)) return !['.ts', '.tsx', '.js', '.jsx'].some((one) => all.has(bare + one));
    return !/\.jsx?$/.test(path) || !['.ts', '.tsx'].some((one) => all.has(bare + one));
  });
}
