import { parse } from 'smol-toml';

/** Keys from the top of a document. */
export type Path = readonly string[];

/**
 * The line (from 1) that says `path`, or the nearest part of it that has a line of its own: the parser gives values
 * without their places. Null for a document that does not say it.
 */
export function lineOf(text: string, path: Path): number | null {
  let table: Path = [];
  let best: { line: number; depth: number } | null = null;
  for (const [i, line] of text.split('\n').entries()) {
    const header = /^\s*\[\[?([^\]]*)\]\]?\s*(#.*)?$/.exec(line);
    if (header) table = keysOf(header[1]!) ?? table;
    const key = header ? [] : keysOf(/^\s*((?:"[^"]*"|'[^']*'|[^="'])+)=/.exec(line)?.[1]);
    if (key === null) continue;
    const here = [...table, ...key];
    const depth = here.length;
    if (depth > (best?.depth ?? 0) && depth <= path.length && here.every((word, n) => word === path[n])) {
      best = { line: i + 1, depth };
    }
  }
  return best?.line ?? null;
}

/** The keys of a dotted key as TOML reads them, null where it is none. */
function keysOf(dotted: string | undefined): string[] | null {
  if (dotted === undefined || dotted.trim() === '') return null;
  try {
    const keys: string[] = [];
    for (let at: unknown = parse(`${dotted} = 0`); typeof at === 'object' && at !== null; ) {
      const [key, inner] = Object.entries(at)[0]!;
      keys.push(key);
      at = inner;
    }
    return keys;
  } catch {
    return null;
  }
}
