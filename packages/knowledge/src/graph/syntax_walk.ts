import { type Node, visitorKeys } from 'oxc-parser';

/** Calls `enter` for every node below and including `root`, parents first. `false` leaves the children out. */
export function walkSyntax(root: Node, enter: (node: Node, parent: Node | undefined) => unknown): void {
  visit(root, undefined);

  function visit(node: Node, parent: Node | undefined): void {
    if (enter(node, parent) === false) return;
    for (const child of childNodes(node)) visit(child, node);
  }
}

export function childNodes(node: Node): Node[] {
  const children: Node[] = [];
  const keys = visitorKeys[node.type];
  if (!keys) return children;
  for (const key of keys) {
    const value = (node as unknown as Record<string, unknown>)[key];
    if (!value) continue;
    if (!Array.isArray(value)) children.push(value as Node);
    else for (const one of value) if (one) children.push(one as Node);
  }
  return children;
}
