/** A place in a source. */
export interface Place {
  file: string | null;
  line: number | null;
  column: number | null;
}

export const NOWHERE: Place = { file: null, line: null, column: null };

/** Code that is not the repository's: the runtime's own and installed packages. */
const FOREIGN =
  /^(?:node:|internal\/|native\b|<)|(?:^|\/)(?:node_modules|site-packages|dist-packages)\/|^\/(?:usr|rustc|nix)\/|\/lib\/python\d/;

/** A frame of a JavaScript stack: `at f (file:line:column)`, with or without the name. */
const AT =
  /^\s*(?:at |❯ )?(?:.*?\()?((?:file:\/\/|\/|\.{0,2}[\w@. -]*[\w@/-])[^():]*|file:[^():]*):(\d+):(\d+)\)?$/;

export function jsPlace(line: string): Place | null {
  const found = AT.exec(line.trimEnd());
  if (!found) return null;
  return { file: found[1]!.trim(), line: Number(found[2]), column: Number(found[3]) };
}

/** The first place of a stack that lies in the repository's own code; else the first of all. */
export function ownPlace(places: Place[]): Place {
  return places.find((place) => place.file !== null && !isForeign(place.file)) ?? places[0] ?? NOWHERE;
}

export function isForeign(file: string): boolean {
  return FOREIGN.test(file.replace(/^file:\/\//, ''));
}

export function stackPlaces(lines: string[]): Place[] {
  return lines.flatMap((line) => {
    if (!/^\s*(?:at |❯ )/.test(line)) return [];
    // vitest: `❯ name path:line:column`, without parentheses.
    return jsPlace(line.replace(/^\s*❯ (?:.* )?(\S+)$/, '❯ $1')) ?? [];
  });
}
