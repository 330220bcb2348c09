import { access } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { GraphReader } from './graph/symbols/file_graph.ts';
import { configScope } from './graph/symbols/outlook.ts';
import { CONFIG_FILE } from './repo_config.ts';
import type { Walk } from './walk/candidates.ts';

/**
 * What one run of a watched repository leaves for the next: which files there are, and what files give to others. It is as
 * true as the caller is sure to tell of every change; a run over everything makes it anew.
 */
export interface IndexMemory {
  walk?: Walk;
  graph?: GraphReader;
}

/**
 * What a run over some paths may use of it. Where one of them is new or gone, or says which files count or where imports
 * lead, nothing: files have come or gone then, or others mean something else.
 */
export async function memoryFor(
  memory: IndexMemory | undefined,
  root: string,
  paths: readonly string[] | undefined,
): Promise<IndexMemory | undefined> {
  if (!memory) return undefined;
  if (!memory.walk || !paths || !(await areChangesOnly(memory.walk, root, paths))) {
    delete memory.walk;
    delete memory.graph;
    return memory;
  }
  memory.graph?.forget(paths);
  return memory;
}

async function areChangesOnly(walk: Walk, root: string, paths: readonly string[]): Promise<boolean> {
  const asked = new Set(paths);
  const known = walk.candidates.filter(({ path }) => asked.has(path));
  if (known.length < asked.size) return false;
  for (const { path } of known) {
    if (path === CONFIG_FILE || basename(path) === '.gitignore' || configScope(path) !== undefined)
      return false;
    const isThere = await access(join(root, path)).then(
      () => true,
      () => false,
    );
    if (!isThere) return false;
  }
  return true;
}
