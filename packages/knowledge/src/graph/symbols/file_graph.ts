import { join } from 'node:path';
import type { ParseResult } from 'oxc-parser';
import type { FileImports } from '../modules/module_graph.ts';
import { CODE_FILE, importLinker, readCode } from '../modules/module_graph.ts';
import { forgetModuleFile, moduleRequests, parseModuleFile } from '../modules/requests.ts';
import { positions } from '../modules/position.ts';
import { readDefinitions } from './definitions.ts';
import { type FileSummary, type ImportTargets, linker, summarise } from './exports.ts';
import type { TypeChecker } from '../types/type_checker.ts';
import { ANY_FILE, looksAt, relationsHash, stem, surfaceOf } from './outlook.ts';
import { pythonGraph } from './python_graph.ts';
import { relationsOf } from './relations.ts';
import type { FileGraph, GraphRelation } from './symbol.ts';

export interface GraphReader {
  /**
   * The graph rows of one code file; undefined for a file that is none, and for Python until `loadPython` is done.
   * `text`: as it was read for the index.
   */
  read(path: string, text: string): FileGraph | undefined;
  warnings(): string[];
}

interface Parsed {
  text: string;
  found: FileImports;
  targets: ImportTargets;
  summary: FileSummary;
}

export const PYTHON_FILE = /\.pyi?$/;

/**
 * Reads files of a repository into rows of the graph, each file by itself: what it says of others, it says by their
 * keys, for which it looks at what it imports and no further than re-exports go. So one changed file is one file's work.
 */
export function graphReader(root: string, paths: readonly string[], types?: TypeChecker): GraphReader {
  const links = importLinker(root, paths);
  /** Of files others asked for and that have not been read themselves; their trees stand with `parseModuleFile`. */
  const early = new Map<string, Parsed>();
  const summaries = new Map<string, FileSummary | undefined>();
  const link = linker(summaryOf);
  const known = new Set(paths);
  return { read, warnings: links.warnings };

  function read(path: string, text: string): FileGraph | undefined {
    if (PYTHON_FILE.test(path)) return withPythonOutlook(pythonGraph(path, text, known));
    if (!CODE_FILE.test(path)) return undefined;
    link.consulted();
    const { parsed, found, targets, summary } = parse(path, text);
    const relations = relationsOf({
      path,
      text,
      parsed,
      definitions: summary.definitions,
      targets,
      link,
      types,
    });
    early.delete(path);
    forgetModuleFile(path);
    const graph: FileGraph = {
      path,
      nodes: summary.definitions.definitions.map(({ node }) => node),
      edges: [...importRelations(found), ...relations],
      unresolved: found.unresolved.map(({ specifier, kind, reason, detail, position }) => ({
        specifier: specifier.slice(0, 500),
        kind,
        reason,
        ...(detail === undefined ? {} : { detail }),
        line: position.line,
      })),
    };
    const looks_at = looksAt(path, found, link.consulted());
    return { ...graph, surface: surfaceOf(summary), looks_at, hash: relationsHash(graph) };
  }

  function parse(path: string, text: string): Parsed & { parsed: ParseResult } {
    const parsed = parseModuleFile({ path, text });
    const known = early.get(path);
    if (known?.text === text) return { ...known, parsed };
    const requests = moduleRequests({ path, text }, parsed);
    const found = links.link(path, text, requests);
    const targets = targetsOf(text, requests, found);
    const summary = summarise(parsed, readDefinitions(path, text, parsed), targets);
    const made = { text, found, targets, summary };
    summaries.set(path, summary);
    early.set(path, made);
    return { ...made, parsed };
  }

  function summaryOf(path: string): FileSummary | undefined {
    if (summaries.has(path)) return summaries.get(path);
    summaries.set(path, undefined);
    if (!CODE_FILE.test(path)) return undefined;
    const read = readCode(join(root, path));
    if (!('text' in read)) return undefined;
    return parse(path, read.text).summary;
  }
}

/** Python's imports are resolved by what files there are, not by what is in them. */
function withPythonOutlook(graph: FileGraph | undefined): FileGraph | undefined {
  if (!graph) return undefined;
  const targets = graph.edges.filter(({ kind }) => kind === 'imports').map(({ to }) => stem(to));
  if (graph.unresolved.length > 0) targets.push(ANY_FILE);
  return { ...graph, surface: '', looks_at: [...new Set(targets)].sort(), hash: relationsHash(graph) };
}

function targetsOf(
  text: string,
  requests: ReturnType<typeof moduleRequests>,
  found: FileImports,
): ImportTargets {
  const byPlace = new Map(
    found.edges.map((edge) => [`${edge.position.line}:${edge.position.column}`, edge.to]),
  );
  const bySpecifier = new Map(
    found.edges.filter((edge) => edge.provenance !== 'pattern').map((edge) => [edge.specifier, edge.to]),
  );
  const at = positions(text);
  const targets = new Map<number, string>();
  for (const { start, specifier, patterns } of requests) {
    const { line, column } = at(start);
    const to = patterns ? byPlace.get(`${line}:${column}`) : bySpecifier.get(specifier);
    if (to !== undefined) targets.set(start, to);
  }
  return targets;
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
