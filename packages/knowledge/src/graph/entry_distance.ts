import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ModuleEdge } from './edge.ts';
import { type PackageJson, packageTargets, sourceTwins } from './modules/workspaces.ts';

/** Entry points of a COGO repository, where nothing else is configured. */
export const DEFAULT_ENTRIES = [
  'src/index.ts',
  'src/servers/metrics/index.ts',
  'src/scripts/distributed/orchestratorLive.ts',
];

export interface EntryChoice {
  entries: string[];
  /** Where they come from. */
  by: 'option' | 'config' | 'default' | 'manifest' | 'roots';
}

export interface EntryInput {
  root: string;
  files: readonly string[];
  edges: readonly ModuleEdge[];
  /** `--entry`. */
  asked?: readonly string[] | undefined;
  /** `entries` of cogo.config.json. */
  configured?: readonly string[] | undefined;
  /** Every package.json of the repository by its folder ('' for the root). */
  manifests?: ReadonlyMap<string, PackageJson>;
}

const TEST_FILE =
  /(?:^|\/)(?:tests?|__tests__|fixtures|examples?|benchmarks?)\/|\.(?:test|spec|bench)\.[cm]?[jt]sx?$/;

/**
 * Where the program begins: what was asked for, else the configuration, else the default list, else what the manifests
 * give out (`bin`, `exports`, `main`; their sources), else the files that nobody imports and that are no tests.
 */
export function chooseEntries(input: EntryInput): EntryChoice {
  const known = new Set(input.files);
  const present = (list: readonly string[] | undefined) => (list ?? []).filter((one) => known.has(one));
  if (input.asked && input.asked.length > 0) return { entries: present(input.asked), by: 'option' };
  if (input.configured && input.configured.length > 0) {
    return { entries: present(input.configured), by: 'config' };
  }
  const defaults = present(DEFAULT_ENTRIES);
  const manifests = [...(input.manifests ?? [])].flatMap(([folder, json]) =>
    manifestEntries(input.root, folder, json, known),
  );
  // The first default alone is any package's main file; beside other packages it says nothing about them.
  if (defaults.length > 0) return { entries: [...new Set([...defaults, ...manifests])], by: 'default' };
  if (manifests.length > 0) return { entries: [...new Set(manifests)], by: 'manifest' };
  const imported = new Set(input.edges.map(({ to }) => to));
  return { entries: input.files.filter((file) => !imported.has(file) && !TEST_FILE.test(file)), by: 'roots' };
}

function manifestEntries(
  root: string,
  folder: string,
  json: PackageJson,
  known: ReadonlySet<string>,
): string[] {
  const bins = typeof json.bin === 'string' ? [json.bin] : Object.values(json.bin ?? {});
  const targets = [...packageTargets(json, json.name ?? ''), ...bins];
  const base = folder === '' ? '' : `${folder}/`;
  const found = targets.flatMap((target) => {
    const own = `${base}${target.replace(/^\.\//, '')}`;
    if (known.has(own)) return [own];
    const twin = sourceTwins(target).find((one) => sourceFile(root, base, one) !== undefined);
    const path = twin === undefined ? undefined : sourceFile(root, base, twin);
    return path !== undefined && known.has(path) ? [path] : [];
  });
  return [...new Set(found)];
}

function sourceFile(root: string, base: string, bare: string): string | undefined {
  const path = `${base}${bare.replace(/^\.\//, '')}`;
  return ['.ts', '.tsx', '.mts', '.js', '.mjs', '/index.ts', '/index.js']
    .map((ending) => path + ending)
    .find((one) => existsSync(join(root, one)));
}

/** Steps from the nearest entry, by imports; a file no entry reaches has none. A computed import counts as two steps. */
export function entryDistances(
  edges: readonly ModuleEdge[],
  entries: readonly string[],
): Map<string, number> {
  const next = new Map<string, Array<{ to: string; steps: number }>>();
  for (const { from, to, provenance } of edges) {
    const steps = provenance === 'pattern' ? 2 : 1;
    const list = next.get(from);
    if (list) list.push({ to, steps });
    else next.set(from, [{ to, steps }]);
  }
  const distance = new Map<string, number>();
  let ring: string[][] = [[...entries]];
  for (let steps = 0; steps < ring.length; steps += 1) {
    for (const file of ring[steps] ?? []) {
      if (distance.has(file)) continue;
      distance.set(file, steps);
      for (const { to, steps: more } of next.get(file) ?? []) {
        ring[steps + more] = [...(ring[steps + more] ?? []), to];
      }
    }
    ring = Array.from(ring, (one) => one ?? []);
  }
  return distance;
}

/** 1 at an entry, halved every two steps, 0 for a file no entry reaches: a tie-break, never a booster. */
export function entryWeight(distance: number | undefined): number {
  return distance === undefined ? 0 : Math.round(1000 * 0.5 ** (distance / 2)) / 1000;
}
