import { CODE_FILE, type FileImports, importLinker } from '../modules/module_graph.ts';
import { positions } from '../modules/position.ts';
import { forgetModuleFile, moduleRequests, parseModuleFile } from '../modules/requests.ts';
import { readDefinitions } from './definitions.ts';
import { type FileSummary, importedNames, type ImportTargets, summarise } from './exports.ts';
import { type Mentions, mentionsOf } from './mentions.ts';
import { ANY_FILE, relationsHash, stem, surfaceOf } from './outlook.ts';
import { pythonGraph } from './python_graph.ts';
import type { FileGraph, GraphNode } from './symbol.ts';

/**
 * All that one code file of a repository says, by its own text and by where its imports lead: what is left is to look up
 * in the summaries of other files what its names mean there. Plain data, so that another thread can have read it.
 */
export interface FileFacts extends Mentions {
  path: string;
  summary: FileSummary;
  found: FileImports;
  nodes: GraphNode[];
  /** Which definition stands in which, and where. */
  contains: Array<{ from: string; to: string; line: number; column: number }>;
  /** Local names of imports. */
  imported: ReadonlyMap<string, { path: string; name: string }>;
  surface: string;
}

export const PYTHON_FILE = /\.pyi?$/;

/** What reading a file of a repository takes besides the file: another thread makes the same reader of it. */
export interface GraphInput {
  /** Absolute and real. */
  root: string;
  /** Every file of the repository. */
  paths: readonly string[];
  /** Calls of which nothing is known are read too, for a type checker. */
  allCalls: boolean;
}

export interface FactsReader {
  /**
   * Of a Python file its graph at once, for that needs nothing of other files; undefined for a file that is no code, and
   * for Python until `loadPython` is done.
   */
  read(path: string, text: string): FileFacts | FileGraph | undefined;
  /** What others need of a file alone: a third of the work. */
  summary(path: string, text: string): FileSummary;
  warnings(): string[];
}

export function factsReader({ root, paths, allCalls }: GraphInput): FactsReader {
  const links = importLinker(root, paths);
  const known = new Set(paths);
  return { read, summary, warnings: links.warnings };

  function read(path: string, text: string): FileFacts | FileGraph | undefined {
    if (PYTHON_FILE.test(path)) return withPythonOutlook(pythonGraph(path, text, known));
    if (!CODE_FILE.test(path)) return undefined;
    const { parsed, found, targets, definitions, imported, summary } = outline(path, text);
    const mentions = mentionsOf({ path, text, parsed, definitions, targets, imported, all: allCalls });
    forgetModuleFile(path);
    const place = positions(text);
    return {
      path,
      summary,
      found,
      nodes: definitions.definitions.map(({ node }) => node),
      contains: definitions.definitions.flatMap(({ node, parent, start }) =>
        parent === '' ? [] : [{ from: parent, to: node.key, ...place(start) }],
      ),
      imported,
      surface: surfaceOf(summary, definitions),
      ...mentions,
    };
  }

  function summary(path: string, text: string): FileSummary {
    const { summary } = outline(path, text);
    forgetModuleFile(path);
    return summary;
  }

  function outline(path: string, text: string) {
    const parsed = parseModuleFile({ path, text });
    const requests = moduleRequests({ path, text }, parsed);
    const found = links.link(path, text, requests);
    const targets = targetsOf(text, requests, found);
    const definitions = readDefinitions(path, text, parsed);
    const imported = importedNames(parsed, targets);
    const summary = summarise(parsed, definitions, targets, imported);
    return { parsed, found, targets, definitions, imported, summary };
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
