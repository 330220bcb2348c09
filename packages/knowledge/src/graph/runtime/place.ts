import type { SymbolGraph } from '../symbol_graph.ts';

/** The innermost symbol around a stretch of a file; the file itself where there is none. */
export function symbolsByPlace(graph: SymbolGraph) {
  const byFile = new Map<string, Array<{ key: string; from: number; to: number }>>();
  const order = (line: number, column: number) => line * 1e6 + column;
  for (const { key, start_line, start_column, end_line, end_column } of graph.nodes.values()) {
    const path = key.split('#', 1)[0]!;
    const list = byFile.get(path) ?? [];
    list.push({ key, from: order(start_line, start_column), to: order(end_line, end_column) });
    byFile.set(path, list);
  }
  return (path: string, l1: number, c1: number, l2: number, c2: number): string | undefined => {
    const around = (byFile.get(path) ?? []).filter(
      ({ from, to }) => from <= order(l1, c1) && order(l2, c2) <= to,
    );
    return around.sort((a, b) => a.to - a.from - (b.to - b.from))[0]?.key;
  };
}
