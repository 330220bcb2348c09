import { join } from 'node:path';
import { CODE_FILE, type FileImports, readCode } from '../modules/module_graph.ts';
import type { TypeChecker } from '../types/type_checker.ts';
import { type FileSummary, type Linker, linker } from './exports.ts';
import { type FileFacts, factsReader, type FactsReader, type GraphInput } from './file_facts.ts';
import { looksAt, relationsHash } from './outlook.ts';
import { relationsOf } from './relations.ts';
import type { FileGraph, GraphRelation } from './symbol.ts';

export interface GraphReader {
  /** How another thread reads files for this one. */
  readonly input: GraphInput;
  /**
   * The graph rows of one code file; undefined for a file that is none, and for Python until `loadPython` is done.
   * `text`: as it was read for the index.
   */
  read(path: string, text: string): FileGraph | undefined;
  /** The rows of a file that was read, here or elsewhere; or another, on its way, whose summary it needs before. */
  link(facts: FileFacts, isOnItsWay?: (path: string) => boolean): FileGraph | { needs: string };
  /** What a file gives others, read elsewhere. */
  learn(summary: FileSummary): void;
  /** Of files that changed; none came or went, and imports lead where they led. */
  forget(paths: readonly string[]): void;
  /** Reads files on this thread. */
  facts(): FactsReader;
  /** What made the reading of others less exact. */
  warn(why: readonly string[]): void;
  warnings(): string[];
}

/**
 * Reads files of a repository into rows of the graph, each file by itself: what it says of others, it says by their
 * keys, for which it looks at what it imports and no further than re-exports go. So one changed file is one file's work.
 */
export function graphReader(root: string, paths: readonly string[], types?: TypeChecker): GraphReader {
  const input = { root, paths, allCalls: types !== undefined };
  let made: FactsReader | undefined;
  const facts = () => (made ??= factsReader(input));
  const summaries = new Map<string, FileSummary | undefined>();
  let isWaitedFor: (path: string) => boolean = () => false;
  let names = linker(summaryOf);
  const heard = new Set<string>();
  return {
    input,
    read,
    link,
    learn,
    facts,
    forget(changed) {
      for (const path of changed) summaries.delete(path);
      names = linker(summaryOf);
    },
    warn(why) {
      for (const one of why) heard.add(one);
    },
    warnings: () => [...new Set([...(made?.warnings() ?? []), ...heard])],
  };

  function read(path: string, text: string): FileGraph | undefined {
    const known = facts().read(path, text);
    if (!known || !('summary' in known)) return known;
    learn(known.summary);
    return link(known) as FileGraph;
  }

  function learn(summary: FileSummary): void {
    summaries.set(summary.path, summary);
  }

  function link(
    known: FileFacts,
    isOnItsWay: (path: string) => boolean = () => false,
  ): FileGraph | { needs: string } {
    isWaitedFor = isOnItsWay;
    try {
      return linked(known, names, types);
    } catch (error) {
      if (error instanceof OnItsWay) return { needs: error.path };
      throw error;
    }
  }

  function summaryOf(path: string): FileSummary | undefined {
    if (summaries.has(path)) return summaries.get(path);
    if (isWaitedFor(path)) throw new OnItsWay(path);
    const code = CODE_FILE.test(path) ? readCode(join(root, path)) : undefined;
    const summary = code && 'text' in code ? facts().summary(path, code.text) : undefined;
    summaries.set(path, summary);
    return summary;
  }
}

/** Ends the linking of a file that needs the summary of another; it is tried again when that one is there. */
class OnItsWay extends Error {
  readonly path: string;
  constructor(path: string) {
    super(path);
    this.path = path;
  }
}

function linked(facts: FileFacts, names: Linker, types: TypeChecker | undefined): FileGraph {
  const { path, found } = facts;
  names.consulted();
  const relations = relationsOf(facts, names, types);
  const graph: FileGraph = {
    path,
    nodes: facts.nodes,
    edges: [...importRelations(found), ...relations],
    unresolved: found.unresolved.map(({ specifier, kind, reason, detail, position }) => ({
      specifier: specifier.slice(0, 500),
      kind,
      reason,
      ...(detail === undefined ? {} : { detail }),
      line: position.line,
    })),
  };
  const looks_at = looksAt(path, found, names.consulted());
  return { ...graph, surface: facts.surface, looks_at, hash: relationsHash(graph) };
}

function importRelations(found: FileImports): GraphRelation[] {
  const edges: GraphRelation[] = found.edges.map(({ from, to, kind, provenance, confidence, position }) => ({
    from,
    to,
    kind: 'imports',
    via: kind,
    provenance,
    confidence,
    sites: 1,
    ...position,
  }));
  const packages = new Map<string, GraphRelation>();
  for (const { from, package: name, kind, position } of found.external) {
    const to = name.startsWith('node:') ? name : `npm:${name}`;
    if (packages.has(to)) continue;
    packages.set(to, {
      from,
      to,
      kind: 'imports',
      via: kind,
      provenance: 'syntax',
      confidence: 1,
      sites: 1,
      ...position,
    });
  }
  return [...edges, ...packages.values()];
}
