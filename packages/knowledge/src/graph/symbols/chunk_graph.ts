import type { ChunkRow } from '../../document.ts';
import type { FileGraph, GraphNode, GraphRelation } from './symbol.ts';

/** The graph of a file of which only chunks are known (SQL, prose, configuration): the file and the symbols its chunks name. */
export function chunkGraph(
  path: string,
  chunks: ReadonlyArray<Pick<ChunkRow, 'kind' | 'symbol' | 'signature' | 'start_line' | 'end_line'>>,
): FileGraph {
  const last = Math.max(1, ...chunks.map((one) => one.end_line));
  const nodes = new Map<string, GraphNode>();
  const edges: GraphRelation[] = [];
  nodes.set(path, { key: path, kind: 'module', name: path, exported: true, ...lines(1, last) });
  for (const { kind, symbol, signature, start_line, end_line } of chunks) {
    if (symbol === undefined) continue;
    const key = `${path}#${symbol}`;
    const known = nodes.get(key);
    if (known) {
      // a symbol cut into several chunks
      known.end_line = Math.max(known.end_line, end_line);
      continue;
    }
    const name = symbol.split('.').at(-1) ?? symbol;
    nodes.set(key, {
      key,
      kind,
      name,
      ...(signature === undefined ? {} : { signature }),
      exported: true,
      ...lines(Math.max(1, start_line), Math.max(1, end_line)),
    });
    const outer = nodes.get(`${path}#${symbol.slice(0, -name.length - 1)}`)?.key ?? path;
    edges.push({
      from: outer,
      to: key,
      kind: 'contains',
      provenance: 'syntax',
      confidence: 1,
      sites: 1,
      line: Math.max(1, start_line),
      column: 1,
    });
  }
  return { path, nodes: [...nodes.values()], edges, unresolved: [] };
}

function lines(start_line: number, end_line: number) {
  return { start_line, start_column: 1, end_line, end_column: 1 };
}
