import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { type NapiResolveOptions, ResolverFactory, type ResolveResult } from 'oxc-resolver';
import type { ModuleEdgeKind, ModuleProvenance, UnresolvedReason } from '../edge.ts';
import { mappedPaths, settingsReader } from './tsconfig.ts';
import {
  manifestReader,
  packageTargets,
  sourceTwins,
  type WorkspacePackage,
  workspacePackages,
} from './workspaces.ts';

export type Resolution =
  /** `path` absolute. */
  | { to: 'file'; path: string; provenance: ModuleProvenance }
  /** `file`: where the package is installed, absolute. */
  | { to: 'external'; package: string; file?: string }
  | { to: 'nothing'; reason: UnresolvedReason; detail?: string };

export interface ModuleResolver {
  resolve(file: string, specifier: string, kind: ModuleEdgeKind): Resolution;
  /** The folder a specifier (`./lib`, `@/locales`) means, absolute. */
  folder(file: string, specifier: string): string | undefined;
  /** What made resolution less exact, each once. */
  warnings: string[];
}

const OPTIONS: NapiResolveOptions = {
  tsconfig: 'auto',
  // TypeScript's order: a source beats a declaration beats what was compiled from it.
  extensions: [
    '.ts',
    '.tsx',
    '.d.ts',
    '.mts',
    '.cts',
    '.d.mts',
    '.d.cts',
    '.js',
    '.jsx',
    '.mjs',
    '.cjs',
    '.json',
  ],
  extensionAlias: {
    '.js': ['.ts', '.tsx', '.d.ts', '.js', '.jsx'],
    '.jsx': ['.tsx', '.ts', '.d.ts', '.jsx', '.js'],
    '.mjs': ['.mts', '.d.mts', '.mjs'],
    '.cjs': ['.cts', '.d.cts', '.cjs'],
  },
  mainFields: ['types', 'typings', 'module', 'main'],
  builtinModules: true,
};
const CONDITIONS = {
  import: ['types', 'import', 'node', 'default'],
  require: ['types', 'require', 'node', 'default'],
};

/**
 * Resolves specifiers as TypeScript does, each file by the tsconfig.json above it. `paths`: files of the repository,
 * where its packages are looked for.
 */
export function moduleResolver(root: string, paths: Iterable<string>): ModuleResolver {
  const settingsOf = settingsReader(root);
  const manifestOf = manifestReader(root);
  const resolvers = new Map<string, ResolverFactory>();
  const workspaces = workspacePackages(root, paths);
  const warnings = new Set<string>();
  const base = new ResolverFactory({ ...OPTIONS, conditionNames: CONDITIONS.import });
  const plain = base.cloneWithOptions({ ...OPTIONS, tsconfig: undefined, conditionNames: CONDITIONS.import });

  return {
    get warnings() {
      return [...warnings];
    },
    resolve: resolveOne,
    folder(file, specifier) {
      if (/^\.{0,2}(?:\/|$)/.test(specifier)) {
        const path = resolve(dirname(file), specifier);
        return existsSync(path) ? path : undefined;
      }
      const found = variant(dirname(file), 'import', true).resolveFileSync(file, specifier);
      if (found.path) return found.path;
      const home = workspaceOf(specifier);
      const inside = home ? specifier.slice(home.name.length + 1) : '';
      const guesses = home ? [join(home.folder, 'src', inside), join(home.folder, inside)] : [];
      return [...mappedPaths(settingsOf(dirname(file)), specifier), ...guesses].find((path) =>
        existsSync(path),
      );
    },
  };

  function variant(folder: string, mode: 'import' | 'require', context = false): ResolverFactory {
    const custom = settingsOf(folder).conditions ?? [];
    const key = `${mode} ${context} ${custom.join(' ')}`;
    let found = resolvers.get(key);
    if (!found) {
      found = base.cloneWithOptions({
        ...OPTIONS,
        conditionNames: [...custom, ...CONDITIONS[mode]],
        resolveToContext: context,
      });
      resolvers.set(key, found);
    }
    return found;
  }

  function resolveOne(file: string, written: string, kind: ModuleEdgeKind): Resolution {
    const folder = dirname(file);
    // Bundlers' loaders and queries: `raw-loader!./x.md`, `./x.svg?url`.
    const specifier = written.replace(/^.*!/, '').replace(/(?<=.)[?#].*$/, '');
    const mode = kind === 'require' ? 'require' : 'import';
    let found = variant(folder, mode).resolveFileSync(file, specifier);
    if (found.error && /tsconfig|extend/i.test(found.error) && !found.path) {
      warnings.add(
        `tsconfig.json over ${relative(root, folder) || '.'}: ${oneLine(found.error)}; the rest of it counts`,
      );
      found = byOwnReading(folder, specifier);
    }
    if (found.builtin) return { to: 'external', package: found.builtin.resolved };
    if (found.path) {
      const place = located(found.path);
      // An installed copy of a package of this monorepo: the source is what the import means.
      if (place.to === 'file') return place;
      return fromWorkspace(specifier) ?? place;
    }
    if (/^(?:data|https?|npm|jsr|bun|cloudflare|virtual):/.test(written)) {
      return { to: 'external', package: written.startsWith('data:') ? 'data:' : written };
    }
    // A file that its tsconfig's `include` leaves out (a test) is compiled by some other tool, mostly with its paths.
    const mapped = byOwnReading(folder, specifier);
    if (mapped.path) return located(mapped.path);
    return fromWorkspace(specifier) ?? unresolved(file, specifier, found);
  }

  /** The resolver gives up on a tsconfig with a fault; TypeScript uses what is left of it, and so does this. */
  function byOwnReading(folder: string, specifier: string): ResolveResult {
    for (const path of mappedPaths(settingsOf(folder), specifier)) {
      const found = plain.sync(folder, path);
      if (found.path) return found;
    }
    return plain.sync(folder, specifier);
  }

  function located(path: string): Resolution {
    const bare = path.replace(/[?#].*$/, '');
    const inside = bare.startsWith(root + sep);
    const segments = bare.slice(root.length).split(sep);
    const at = segments.lastIndexOf('node_modules');
    if (inside && at < 0) return { to: 'file', path: bare, provenance: 'syntax' };
    const all = at >= 0 ? segments : bare.split(sep);
    const from = all.lastIndexOf('node_modules') + 1;
    const name = all[from]?.startsWith('@') ? `${all[from]}/${all[from + 1]}` : (all[from] ?? bare);
    return { to: 'external', package: from > 0 ? name : bare, file: bare };
  }

  function fromWorkspace(specifier: string): Resolution | undefined {
    const home = workspaceOf(specifier);
    if (!home) return undefined;
    const own = variant(home.folder, 'import');
    const self = own.sync(home.folder, specifier);
    if (self.path?.startsWith(home.folder + sep)) {
      const place = located(self.path);
      if (place.to === 'file') return { ...place, provenance: 'workspace' };
    }
    const targets = packageTargets(home.json, specifier);
    for (const target of targets) {
      const found = own.sync(home.folder, dotted(target));
      if (found.path) return { to: 'file', path: found.path, provenance: 'workspace' };
    }
    if (specifier === home.name) targets.push('./src/index', './index', './src/main');
    for (const target of targets) {
      for (const twin of sourceTwins(target)) {
        const found = own.sync(home.folder, twin);
        if (found.path) return { to: 'file', path: found.path, provenance: 'workspace' };
      }
    }
    return undefined;
  }

  function workspaceOf(specifier: string): WorkspacePackage | undefined {
    const name = /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0];
    return name === undefined ? undefined : workspaces.get(name);
  }

  function unresolved(file: string, specifier: string, found: ResolveResult): Resolution {
    const said = oneLine(found.error ?? '');
    if (/not exported|is not defined in|package path/i.test(said)) {
      return { to: 'nothing', reason: 'not_exported', detail: said };
    }
    if (/^\.{0,2}(?:\/|$)/.test(specifier)) {
      const twin = otherCase(resolve(dirname(file), specifier));
      if (twin) {
        return {
          to: 'nothing',
          reason: 'case_mismatch',
          detail: `there is ${relative(root, twin).replaceAll(sep, '/')}`,
        };
      }
      return { to: 'nothing', reason: 'no_such_file' };
    }
    const name = /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier;
    if (workspaces.has(name))
      return { to: 'nothing', reason: 'not_exported', detail: `${name} does not give it out` };
    for (
      let at = manifestOf(dirname(file));
      at;
      at = at.folder === root ? undefined : manifestOf(dirname(at.folder))
    ) {
      const { dependencies, devDependencies, peerDependencies, optionalDependencies } = at.json;
      const all = { ...dependencies, ...devDependencies, ...peerDependencies, ...optionalDependencies };
      if (name in all || `@types/${name}` in all) return { to: 'nothing', reason: 'not_installed' };
    }
    if (/^[@~#$]?[\w-]*\//.test(specifier) || /^[@~#$]/.test(specifier)) {
      return {
        to: 'nothing',
        reason: 'unknown_package',
        detail: 'no alias of a tsconfig.json matches it either',
      };
    }
    return { to: 'nothing', reason: 'unknown_package' };
  }
}

function dotted(target: string): string {
  return target.startsWith('.') ? target : `./${target}`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').slice(0, 300);
}

/** A path that names the same file where letter case does not count. */
function otherCase(path: string): string | undefined {
  let at = '/';
  const segments = path.split(sep).filter((one) => one !== '');
  for (const [depth, segment] of segments.entries()) {
    const isLast = depth === segments.length - 1;
    const exact = join(at, segment);
    if (!isLast && existsSync(exact)) {
      at = exact;
      continue;
    }
    let names: string[];
    try {
      names = readdirSync(at);
    } catch {
      return undefined;
    }
    const wanted = segment.toLowerCase();
    const bare = wanted.replace(/\.[cm]?[jt]sx?$/, '');
    const found =
      names.find((name) => name.toLowerCase() === wanted) ??
      (isLast ? names.find((name) => name.toLowerCase().replace(/\.[cm]?[jt]sx?$/, '') === bare) : undefined);
    if (found === undefined) return undefined;
    at = join(at, found);
  }
  return basename(at) === '' ? undefined : at;
}
