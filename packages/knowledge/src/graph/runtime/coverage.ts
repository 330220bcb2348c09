import type { SymbolGraph } from '../symbol_graph.ts';
import { add, type Frame, type Locate, type SeenCall } from './trace.ts';

interface V8Script {
  url: string;
  source?: string;
  functions: Array<{ functionName: string; ranges: Array<{ startOffset: number; count: number }> }>;
}

interface IstanbulFile {
  path: string;
  fnMap: Record<
    string,
    { name: string; decl?: { start: { line: number } }; loc?: { start: { line: number } } }
  >;
  f: Record<string, number>;
}

/**
 * Calls of a coverage report. It counts functions, not calls: the count of a function is shared equally by the
 * statically known callers that ran. Undefined: it is no report of V8 or Istanbul.
 */
export function coverageCalls(
  value: unknown,
  locate: Locate,
  graph: SymbolGraph,
): { calls: SeenCall[]; unknown: number } | undefined {
  const frames = v8Frames(value) ?? istanbulFrames(value);
  if (!frames) return undefined;
  const counts = new Map<string, number>();
  let unknown = 0;
  for (const { frame, count } of frames) {
    const key = locate(frame);
    if (key === undefined) unknown += 1;
    else if (count > 0) counts.set(key, Math.max(counts.get(key) ?? 0, count));
  }
  const sums = new Map<string, SeenCall>();
  const callers = new Map<string, Set<string>>();
  for (const edge of graph.edges) {
    if (edge.kind !== 'calls' || !counts.has(edge.to)) continue;
    // The top level of a file runs when the file does.
    const ran = counts.has(edge.from) || !edge.from.includes('#');
    if (ran) callers.set(edge.to, (callers.get(edge.to) ?? new Set()).add(edge.from));
  }
  for (const [to, from] of callers) {
    for (const one of from) add(sums, one, to, counts.get(to)! / from.size);
  }
  return { calls: [...sums.values()], unknown };
}

function v8Frames(value: unknown): Array<{ frame: Frame; count: number }> | undefined {
  const scripts = (value as { result?: V8Script[] } | null)?.result;
  if (!Array.isArray(scripts)) return undefined;
  return scripts.flatMap((script) =>
    script.functions
      .filter(({ functionName, ranges }) => functionName !== '' && ranges.length > 0)
      .map(({ functionName, ranges }) => ({
        // offsets are of the code that ran, which may be transpiled: the name decides
        frame: { url: script.url, name: functionName, line: 0 },
        count: ranges[0]!.count,
      })),
  );
}

function istanbulFrames(value: unknown): Array<{ frame: Frame; count: number }> | undefined {
  const files = Object.values((value ?? {}) as Record<string, IstanbulFile>);
  if (files.length === 0 || !files.every((one) => one && typeof one === 'object' && one.fnMap && one.f))
    return undefined;
  return files.flatMap((file) =>
    Object.entries(file.fnMap).map(([id, one]) => ({
      frame: {
        url: file.path,
        name: one.name.startsWith('(anonymous') ? '' : one.name,
        line: one.decl?.start.line ?? one.loc?.start.line ?? 0,
      },
      count: file.f[id] ?? 0,
    })),
  );
}
