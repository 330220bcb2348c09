import type { ModuleEdge } from './edge.ts';

export interface Cycle {
  /** Files that all reach each other, in path order. */
  files: string[];
  /** One way round: each file imports the next, the last one the first. Shortest from the first file in path order. */
  path: string[];
  /** false: broken at run time, for some edge of every way round is a type import. */
  runtime: boolean;
}

/** Groups of files that import each other in a circle (strongly connected components). Computed imports do not count. */
export function moduleCycles(edges: readonly ModuleEdge[]): Cycle[] {
  const certain = edges.filter((edge) => edge.provenance !== 'pattern');
  const all = adjacency(certain);
  const runtime = new Set(components(adjacency(certain.filter((edge) => edge.kind !== 'type'))).flat());
  return components(all).map((files) => ({
    files,
    path: shortestRound(all, files),
    runtime: files.some((file) => runtime.has(file)),
  }));
}

function adjacency(edges: readonly ModuleEdge[]): Map<string, string[]> {
  const next = new Map<string, string[]>();
  for (const { from, to } of edges) {
    const list = next.get(from);
    if (list) list.push(to);
    else next.set(from, [to]);
  }
  return next;
}

/** Tarjan's algorithm (1972), without recursion: import chains can be deeper than the stack. */
function components(next: ReadonlyMap<string, string[]>): string[][] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const open: string[] = [];
  const isOpen = new Set<string>();
  const found: string[][] = [];
  for (const start of next.keys()) {
    if (index.has(start)) continue;
    const work: Array<{ node: string; at: number }> = [];
    const push = (node: string) => {
      index.set(node, index.size);
      low.set(node, index.get(node)!);
      open.push(node);
      isOpen.add(node);
      work.push({ node, at: 0 });
    };
    push(start);
    while (work.length > 0) {
      const top = work.at(-1)!;
      const target = next.get(top.node)?.[top.at];
      if (target !== undefined) {
        top.at += 1;
        if (!index.has(target)) push(target);
        else if (isOpen.has(target)) low.set(top.node, Math.min(low.get(top.node)!, index.get(target)!));
        continue;
      }
      work.pop();
      const below = work.at(-1);
      if (below) low.set(below.node, Math.min(low.get(below.node)!, low.get(top.node)!));
      if (low.get(top.node) !== index.get(top.node)) continue;
      const group = open.splice(open.indexOf(top.node));
      for (const node of group) isOpen.delete(node);
      if (group.length > 1) found.push(group.sort());
    }
  }
  return found.sort((a, b) => (a[0]! < b[0]! ? -1 : 1));
}

function shortestRound(next: ReadonlyMap<string, string[]>, files: string[]): string[] {
  const members = new Set(files);
  const start = files[0]!;
  const before = new Map<string, string>();
  const queue = [start];
  for (const node of queue) {
    for (const target of next.get(node) ?? []) {
      if (target === start) {
        const path = [node];
        while (path[0] !== start) path.unshift(before.get(path[0]!)!);
        return path;
      }
      if (!members.has(target) || before.has(target)) continue;
      before.set(target, node);
      queue.push(target);
    }
  }
  return files;
}
