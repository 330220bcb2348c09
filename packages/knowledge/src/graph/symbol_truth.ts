import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { readTruth } from './callgraph_truth.ts';
import { symbolsByPlace } from './runtime/place.ts';
import { readTrace } from './runtime/trace.ts';
import { buildSymbolGraph, type SymbolGraph } from './symbol_graph.ts';
import { typeChecker } from './types/type_checker.ts';

/** Calls between symbols, as the graph of the product has them, against a recorded call graph; self-calls left out. */
export interface SymbolScore {
  truth: number;
  /** Known from the sources, each file read by itself; and how many of them were recorded. */
  static: number;
  staticCommon: number;
  /** The same and what the traces saw. */
  merged: number;
  mergedCommon: number;
  traces: number;
}

const TRACE_ENDINGS = ['.cpuprofile', '.coverage.json', '.jsonl'];

/**
 * Scores the product's own graph, before and after traces of the program are added as `cogo trace import` would.
 * `withTypes`: with the type checker's help. `traces`: a folder with `NAME.cpuprofile`, `NAME.coverage.json` or `NAME.jsonl` for a call graph `NAME.json`.
 */
export async function scoreSymbols(
  file: string,
  traces: string | undefined,
  withTypes = false,
): Promise<SymbolScore> {
  const truth = readTruth(file)!;
  const folder = dirname(file);
  const types = withTypes ? typeChecker(folder, truth.files) : undefined;
  const graph = await buildSymbolGraph(
    folder,
    truth.files.map((path) => ({ path, file: join(folder, path) })),
    undefined,
    types?.ok ? types.value : undefined,
  );
  const symbolAt = symbolsByPlace(graph);
  const keyOf = (place: string): string | undefined => {
    const [at = '', l1, c1, l2, c2] = place.split(':');
    return symbolAt(truth.files[Number(at)] ?? at, Number(l1), Number(c1), Number(l2), Number(c2));
  };
  const codeOf = owners(graph);
  const note = (edges: Set<string>, from: string | undefined, to: string | undefined): void => {
    if (from === undefined || to === undefined || codeOf(from) === codeOf(to)) return;
    edges.add(`${codeOf(from)} -> ${codeOf(to)}`);
  };
  const theirs = new Set<string>();
  for (const [from, to] of truth.fun2fun ?? []) {
    note(theirs, keyOf(truth.functions[from]!), keyOf(truth.functions[to]!));
  }
  const ours = new Set<string>();
  for (const { kind, from, to } of graph.edges) if (kind === 'calls') note(ours, from, to);
  const merged = new Set(ours);
  const name = basename(file, '.json');
  const found = TRACE_ENDINGS.map((ending) => join(traces ?? '', name + ending)).filter(
    (one) => traces !== undefined && existsSync(one),
  );
  for (const one of found) {
    const trace = await readTrace(one, folder, graph);
    if (trace.ok) for (const { from, to } of trace.value.calls) note(merged, from, to);
  }
  const common = (all: ReadonlySet<string>) => [...all].filter((edge) => theirs.has(edge)).length;
  return {
    truth: theirs.size,
    static: ours.size,
    staticCommon: common(ours),
    merged: merged.size,
    mergedCommon: common(merged),
    traces: found.length,
  };
}

/**
 * The code a symbol stands for, as a recorder of executions sees it: what a variable is initialised with runs in the
 * function (or file) around it, and a constructor is its class.
 */
function owners(graph: SymbolGraph): (key: string) => string {
  const outer = new Map(
    graph.edges.flatMap(({ kind, from, to }) => (kind === 'contains' ? [[to, from]] : [])),
  );
  return function code(key: string): string {
    const node = graph.nodes.get(key);
    const above = outer.get(key);
    const runs =
      /^(?:function|method|class|module)$/.test(node?.kind ?? 'module') && node?.name !== 'constructor';
    return runs || above === undefined ? key : code(above);
  };
}
