import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'jsonc-parser';

/** What of a tsconfig.json decides where an import leads. Paths absolute. */
export interface PathSettings {
  baseUrl?: string;
  /** Targets as absolute patterns. */
  paths?: Array<{ pattern: string; targets: string[] }>;
  conditions?: string[];
}

interface TsConfig {
  extends?: unknown;
  compilerOptions?: { baseUrl?: unknown; paths?: unknown; customConditions?: unknown };
}

/** TypeScript has no bound; this one ends chains that are no use to anybody. */
const MAX_EXTENDS = 32;

/**
 * The settings of the tsconfig.json that governs each folder. Lenient where the resolver's own reading is not: comments
 * and trailing commas are fine, a base that is not there (a package not installed) is left out, a cycle of `extends`
 * ends where it closes, and of an unreadable config nothing counts. As TypeScript does, what a config lacks it has from
 * its bases, the last one first.
 */
export function settingsReader(root: string): (folder: string) => PathSettings {
  const byFolder = new Map<string, PathSettings>();
  return forFolder;

  function forFolder(folder: string): PathSettings {
    const known = byFolder.get(folder);
    if (known) return known;
    const file = ['tsconfig.json', 'jsconfig.json']
      .map((name) => join(folder, name))
      .find((one) => existsSync(one));
    const parent = dirname(folder);
    const found = file
      ? settingsOf(file, folder, [])
      : folder === root || parent === folder
        ? {}
        : forFolder(parent);
    byFolder.set(folder, found);
    return found;
  }
}

/** `configDir`: of the config all this is read for; `${configDir}` stands for it in every base. */
function settingsOf(file: string, configDir: string, above: string[]): PathSettings {
  if (above.includes(file) || above.length > MAX_EXTENDS) return {};
  const config = readConfig(file);
  const bases = (Array.isArray(config?.extends) ? config.extends : [config?.extends]).filter(
    (one): one is string => typeof one === 'string',
  );
  const inherited: PathSettings = {};
  for (const base of bases) {
    const target = extendedFile(file, base);
    if (target) Object.assign(inherited, settingsOf(target, configDir, [...above, file]));
  }
  const options = config?.compilerOptions ?? {};
  const here = dirname(file);
  const place = (path: string, from: string) => resolve(from, path.replace(/^\$\{configDir\}/, configDir));
  const own: PathSettings = {};
  if (typeof options.baseUrl === 'string') own.baseUrl = place(options.baseUrl, here);
  if (typeof options.paths === 'object' && options.paths !== null) {
    const from = own.baseUrl ?? inherited.baseUrl ?? here;
    own.paths = Object.entries(options.paths).flatMap(([pattern, targets]) => {
      // TypeScript refuses a pattern with two stars; so it matches nothing.
      if (!Array.isArray(targets) || pattern.split('*').length > 2) return [];
      const usable = targets.filter(
        (one): one is string => typeof one === 'string' && one.split('*').length < 3,
      );
      return [{ pattern, targets: usable.map((one) => place(one, from)) }];
    });
  }
  if (Array.isArray(options.customConditions)) {
    own.conditions = options.customConditions.filter((one): one is string => typeof one === 'string');
  }
  return { ...inherited, ...own };
}

/** Files (without extension, absolute) that a specifier means by `paths`, then by `baseUrl`, in TypeScript's order. */
export function mappedPaths({ paths = [], baseUrl }: PathSettings, specifier: string): string[] {
  const found: string[] = [];
  if (/^\.{1,2}(?:\/|$)/.test(specifier) || specifier.startsWith('/')) return found;
  const exact = paths.find(({ pattern }) => pattern === specifier);
  const starred = paths
    .filter(({ pattern }) => pattern.includes('*') && matches(pattern, specifier))
    .sort((a, b) => b.pattern.indexOf('*') - a.pattern.indexOf('*'))[0];
  const chosen = exact ?? starred;
  if (chosen) {
    const [prefix = '', suffix = ''] = chosen.pattern.split('*');
    const star = chosen === exact ? '' : specifier.slice(prefix.length, specifier.length - suffix.length);
    found.push(...chosen.targets.map((target) => target.replace('*', () => star)));
  }
  if (baseUrl !== undefined) found.push(join(baseUrl, specifier));
  return found;
}

function matches(pattern: string, specifier: string): boolean {
  const [prefix = '', suffix = ''] = pattern.split('*');
  const fits = specifier.startsWith(prefix) && specifier.endsWith(suffix);
  return fits && specifier.length >= prefix.length + suffix.length;
}

function readConfig(file: string): TsConfig | undefined {
  try {
    const value: unknown = parse(readFileSync(file, 'utf8').replace(/^\ufeff/, ''), [], {
      allowTrailingComma: true,
    });
    return typeof value === 'object' && value !== null ? (value as TsConfig) : undefined;
  } catch {
    return undefined;
  }
}

function extendedFile(from: string, name: string): string | undefined {
  if (/^\.{0,2}\//.test(name) || name === '.' || name === '..') {
    const path = resolve(dirname(from), name);
    const forms = [path, `${path}.json`, join(path, 'tsconfig.json')];
    return forms.find((one) => one.endsWith('.json') && existsSync(one));
  }
  const require = createRequire(from);
  for (const request of [name, `${name}.json`, `${name}/tsconfig.json`]) {
    try {
      const found = require.resolve(request);
      if (found.endsWith('.json')) return found;
    } catch {
      // the next form of the name
    }
  }
  return undefined;
}
