import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { readEntries, readIndexConfig } from '../repo_config.ts';
import type { Candidate, Walk } from '../walk/candidates.ts';
import { walkRepository } from '../walk/walk_repository.ts';
import { chooseEntries, type EntryChoice, entryDistances } from './entry_distance.ts';
import { buildModuleGraph, CODE_FILE, type ModuleGraph } from './modules/module_graph.ts';
import type { PackageJson } from './modules/workspaces.ts';

export interface RepositoryGraph extends ModuleGraph {
  walk: Walk;
  entry: EntryChoice;
  /** Steps from the nearest entry; a file that none reaches is missing. */
  distances: Map<string, number>;
  /** Reading, parsing and resolving, without listing the files. Milliseconds. */
  ms: number;
}

export interface RepositoryGraphOptions {
  /** Absolute and real. */
  root: string;
  untracked?: boolean;
  /** Entries, instead of the configured ones. */
  entries?: string[] | undefined;
  signal?: AbortSignal | undefined;
}

/** The module graph of a folder as `cogo index` would see it, with the distance of every file from the entries. */
export async function repositoryGraph(options: RepositoryGraphOptions): Promise<RepositoryGraph> {
  const { root, signal } = options;
  const { config } = await readIndexConfig(root);
  const walk = await walkRepository({ root, ...config, untracked: options.untracked ?? false, signal });
  const started = performance.now();
  const graph = await buildModuleGraph({ root, candidates: walk.candidates, signal });
  const ms = Math.round(performance.now() - started);
  const entry = chooseEntries({
    root,
    files: graph.files,
    edges: graph.edges,
    asked: options.entries,
    configured: await readEntries(root),
    manifests: manifestsOf(walk.candidates),
  });
  const distances = entryDistances(graph.edges, entry.entries);
  return { ...graph, walk, entry, distances, ms };
}

/** Entries of a repository by its files alone; none where only the imports would tell (a folder without a manifest). */
export async function entryFiles(
  root: string,
  candidates: readonly Candidate[],
  asked: readonly string[] | undefined,
): Promise<string[]> {
  const files = candidates.map(({ path }) => path).filter((path) => CODE_FILE.test(path));
  const configured = await readEntries(root);
  const choice = chooseEntries({
    root,
    files,
    edges: [],
    asked,
    configured,
    manifests: manifestsOf(candidates),
  });
  return choice.by === 'roots' ? [] : choice.entries;
}

function manifestsOf(candidates: readonly Candidate[]): Map<string, PackageJson> {
  const manifests = new Map<string, PackageJson>();
  for (const { path, file } of candidates) {
    if (posix.basename(path) === 'package.json') manifests.set(folderOf(path), readManifest(file));
  }
  return manifests;
}

function folderOf(path: string): string {
  const folder = posix.dirname(path);
  return folder === '.' ? '' : folder;
}

function readManifest(file: string): PackageJson {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return typeof value === 'object' && value !== null ? (value as PackageJson) : {};
  } catch {
    return {};
  }
}
