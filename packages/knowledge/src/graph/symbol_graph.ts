import type { Candidate } from '../walk/candidates.ts';
import { CODE_FILE, readCode } from './modules/module_graph.ts';
import { loadPython } from '../languages/python_syntax.ts';
import { PYTHON_FILE } from './symbols/file_facts.ts';
import { graphReader } from './symbols/file_graph.ts';
import type { TypeChecker } from './types/type_checker.ts';
import type { GraphNode, GraphRelation, RelationKind } from './symbols/symbol.ts';

/** The symbols and relationships of a repository in memory, for commands that need no database. */
export interface SymbolGraph {
  nodes: ReadonlyMap<string, GraphNode>;
  edges: readonly GraphRelation[];
  /** Symbols a name means (plain, qualified, or a key), or a file by its path; best first. */
  find(name: string): GraphNode[];
  walk(
    from: readonly string[],
    options: WalkOptions,
  ): { depths: Map<string, number>; edges: GraphRelation[] };
  /** A shortest way along relationships; undefined when there is none. */
  path(
    from: readonly string[],
    to: readonly string[],
    kinds: readonly RelationKind[],
  ): GraphRelation[] | undefined;
  /** The key and those of everything in it. */
  withMembers(key: string): string[];
}

export interface WalkOptions {
  direction: 'in' | 'out';
  kinds: readonly RelationKind[];
  depth: number;
  minConfidence?: number;
}

/** Reads every code file of a repository. Throws when aborted. */
export async function buildSymbolGraph(
  root: string,
  candidates: readonly Candidate[],
  signal?: AbortSignal,
  types?: TypeChecker,
): Promise<SymbolGraph> {
  if (candidates.some(({ path }) => PYTHON_FILE.test(path))) await loadPython();
  const reader = graphReader(
    root,
    candidates.map(({ path }) => path),
    types,
  );
  const nodes = new Map<string, GraphNode>();
  const edges: GraphRelation[] = [];
  for (const { path, file } of candidates) {
    signal?.throwIfAborted();
    if (!CODE_FILE.test(path) && !PYTHON_FILE.test(path)) continue;
    const read = readCode(file);
    const graph = 'text' in read ? reader.read(path, read.text) : undefined;
    for (const node of graph?.nodes ?? []) nodes.set(node.key, node);
    edges.push(...(graph?.edges ?? []));
  }
  return symbolGraph(nodes, edges);
}

export function symbolGraph(
  nodes: ReadonlyMap<string, GraphNode>,
  edges: readonly GraphRelation[],
): SymbolGraph {
  const out = grouped(edges, 'from');
  const into = grouped(edges, 'to');
  return { nodes, edges, find, walk, path, withMembers };

  function find(asked: string): GraphNode[] {
    const name = asked.replace(/^\.\//, '');
    if (name === '') return [];
    const exact = nodes.get(name);
    if (exact) return [exact];
    const wanted = `.${name.toLowerCase()}`;
    const found = [...nodes.values()].filter(({ key }) => {
      const hash = key.indexOf('#');
      return (
        hash >= 0 &&
        `.${key
          .slice(hash + 1)
          .replace(/~\d+$/, '')
          .toLowerCase()}`.endsWith(wanted)
      );
    });
    return found.sort(
      (a, b) =>
        Number(b.exported) - Number(a.exported) || a.key.length - b.key.length || (a.key < b.key ? -1 : 1),
    );
  }

  function walk(from: readonly string[], { direction, kinds, depth, minConfidence = 0 }: WalkOptions) {
    const depths = new Map(from.map((key) => [key, 0]));
    const met = new Set<GraphRelation>();
    let ring = [...from];
    for (let step = 1; step <= depth && ring.length > 0; step += 1) {
      const next: string[] = [];
      for (const key of ring) {
        for (const edge of (direction === 'in' ? into : out).get(key) ?? []) {
          if (!kinds.includes(edge.kind) || edge.confidence < minConfidence) continue;
          const other = direction === 'in' ? edge.from : edge.to;
          if (!nodes.has(other)) continue;
          met.add(edge);
          if (depths.has(other)) continue;
          depths.set(other, step);
          next.push(other);
        }
      }
      ring = next;
    }
    return { depths, edges: [...met] };
  }

  function path(from: readonly string[], to: readonly string[], kinds: readonly RelationKind[]) {
    const goals = new Set(to);
    const before = new Map<string, GraphRelation | undefined>(from.map((key) => [key, undefined]));
    const queue = [...from];
    for (const key of queue) {
      if (goals.has(key)) {
        const way: GraphRelation[] = [];
        for (let at = before.get(key); at; at = before.get(at.from)) way.unshift(at);
        return way;
      }
      const next = (out.get(key) ?? []).filter((edge) => kinds.includes(edge.kind) && nodes.has(edge.to));
      for (const edge of next.sort((a, b) => b.confidence - a.confidence)) {
        if (before.has(edge.to)) continue;
        before.set(edge.to, edge);
        queue.push(edge.to);
      }
    }
    return undefined;
  }

  function withMembers(key: string): string[] {
    const all = [key];
    for (const one of all) {
      for (const edge of out.get(one) ?? [])
        if (edge.kind === 'contains' && !all.includes(edge.to)) all.push(edge.to);
    }
    return all;
  }
}

function grouped(edges: readonly GraphRelation[], end: 'from' | 'to'): Map<string, GraphRelation[]> {
  const groups = new Map<string, GraphRelation[]>();
  for (const edge of edges) {
    const list = groups.get(edge[end]);
    if (list) list.push(edge);
    else groups.set(edge[end], [edge]);
  }
  return groups;
}
