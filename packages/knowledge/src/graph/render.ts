/** An edge as a picture shows it. */
export interface DrawnEdge {
  from: string;
  to: string;
  label?: string;
  dashed?: boolean;
}

/** Graphviz. Names are quoted, so any path is fine. */
export function toDot(edges: readonly DrawnEdge[], nodes: readonly string[] = []): string {
  const lines = ['digraph cogo {', '  rankdir=LR;', '  node [shape=box, fontname="sans-serif"];'];
  for (const node of nodes) lines.push(`  ${quoted(node)};`);
  for (const { from, to, label, dashed } of edges) {
    const style = [
      ...(label === undefined ? [] : [`label=${quoted(label)}`]),
      ...(dashed ? ['style=dashed'] : []),
    ];
    lines.push(`  ${quoted(from)} -> ${quoted(to)}${style.length > 0 ? ` [${style.join(', ')}]` : ''};`);
  }
  return [...lines, '}'].join('\n');
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/** Mermaid flowchart. Nodes get short ids, for paths have characters that Mermaid reads. */
export function toMermaid(edges: readonly DrawnEdge[], nodes: readonly string[] = []): string {
  const ids = new Map<string, string>();
  const lines = ['flowchart LR'];
  const id = (name: string): string => {
    const known = ids.get(name);
    if (known) return known;
    const made = `n${ids.size}`;
    ids.set(name, made);
    lines.push(`  ${made}["${name.replace(/["#]/g, (char) => `#${char.charCodeAt(0)};`)}"]`);
    return made;
  };
  for (const node of nodes) id(node);
  for (const { from, to, label, dashed } of edges) {
    const arrow = dashed ? '-.->' : '-->';
    const text = label === undefined ? '' : `|${label.replace(/[|"[\]{}()#]/g, ' ')}|`;
    const line = `  ${id(from)} ${arrow}${text} ${id(to)}`;
    lines.push(line);
  }
  return lines.join('\n');
}
