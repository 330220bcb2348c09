import { add, type Locate, type SeenCall } from './trace.ts';

interface ProfileNode {
  id: number;
  callFrame: { functionName: string; url: string; lineNumber: number };
  hitCount?: number;
  children?: number[];
}

/**
 * Calls of a V8 CPU profile: a function and the nearest one above it on the stack that is the repository's, counted by
 * the samples taken at or below it. Undefined: it is no profile.
 */
export function profileCalls(
  value: unknown,
  locate: Locate,
): { calls: SeenCall[]; unknown: number } | undefined {
  const nodes = (value as { nodes?: ProfileNode[] } | null)?.nodes;
  if (!Array.isArray(nodes) || !nodes.every((one) => one?.callFrame && typeof one.id === 'number'))
    return undefined;
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const samples = new Map<number, number>();
  for (const id of (value as { samples?: number[] }).samples ?? [])
    samples.set(id, (samples.get(id) ?? 0) + 1);
  const hits = (node: ProfileNode) => samples.get(node.id) ?? node.hitCount ?? 0;
  const children = new Set(nodes.flatMap((node) => node.children ?? []));
  const sums = new Map<string, SeenCall>();
  let unknown = 0;
  // Children before parents, without recursion: stacks are deep.
  const order: Array<{ node: ProfileNode; owner: string | undefined }> = [];
  const work = nodes
    .filter((node) => !children.has(node.id))
    .map((node) => ({ node, owner: undefined as string | undefined }));
  const own = new Map<number, { caller: string | undefined; key: string | undefined }>();
  for (let next = work.pop(); next; next = work.pop()) {
    const { node, owner } = next;
    const { functionName, url, lineNumber } = node.callFrame;
    const key = locate({ url, name: functionName, line: lineNumber + 1 });
    if (key === undefined && url !== '' && !url.startsWith('node:')) unknown += 1;
    own.set(node.id, { caller: owner, key });
    order.push(next);
    for (const id of node.children ?? []) {
      const child = byId.get(id);
      if (child) work.push({ node: child, owner: key ?? owner });
    }
  }
  const total = new Map<number, number>();
  for (const { node } of order.reverse()) {
    const below = (node.children ?? []).reduce((sum, id) => sum + (total.get(id) ?? 0), 0);
    total.set(node.id, hits(node) + below);
    const { caller, key } = own.get(node.id)!;
    const count = total.get(node.id)!;
    if (caller !== undefined && key !== undefined && caller !== key && count > 0)
      add(sums, caller, key, count);
  }
  return { calls: [...sums.values()], unknown };
}
