// Where code stands in the source it was made of: transpilers leave a map in or beside what they write.
import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAP_COMMENT = /^[ \t]*\/\/[#@] sourceMappingURL=(\S+)[ \t]*$/gm;

/**
 * @param {string} code what runs
 * @param {string} url its file
 * @param {string} root real path of the repository
 * @returns {(start: number, end: number) => { file: string, span: number[] } | undefined} turns UTF-16 offsets of `code` into a
 *   path below the root and `[line, column, end line, end column]`, 1-based, the end exclusive (zeros when only a map
 *   knows it, for maps have no ends)
 */
export function originalPlaces(code, url, root) {
  const starts = [0];
  for (let at = code.indexOf('\n'); at >= 0; at = code.indexOf('\n', at + 1)) starts.push(at + 1);
  const place = (offset) => {
    let [low, high] = [0, starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (starts[middle] <= offset) low = middle;
      else high = middle;
    }
    return [low + 1, offset - starts[low] + 1];
  };
  const map = mapOf(code, url);
  if (!map) {
    const file = inside(url, root);
    return (start, end) =>
      file === undefined ? undefined : { file, span: [...place(start), ...place(end)] };
  }
  return (start) => {
    const [line, column] = place(start);
    const entry = map.findEntry(line - 1, column - 1);
    if (entry?.originalSource === undefined) return undefined;
    const file = inside(new URL(entry.originalSource, url).href, root);
    if (file === undefined) return undefined;
    return { file, span: [entry.originalLine + 1, entry.originalColumn + 1, 0, 0] };
  };
}

/** @returns {SourceMap | undefined} */
function mapOf(code, url) {
  const at = [...code.matchAll(MAP_COMMENT)].at(-1)?.[1];
  if (!at) return undefined;
  try {
    const inline = /^data:application\/json[^,]*?(;base64)?,(.*)$/s.exec(at);
    const text = inline
      ? inline[1]
        ? Buffer.from(inline[2], 'base64').toString()
        : decodeURIComponent(inline[2])
      : readFileSync(new URL(at, url), 'utf8');
    const payload = JSON.parse(text);
    // what the transpiler was given under no name is the file itself
    payload.sources = payload.sources.map((one) => `${payload.sourceRoot ?? ''}${one || url}`);
    return new SourceMap({ ...payload, sourceRoot: '' });
  } catch {
    return undefined; // no map, or a broken one: what runs is the source
  }
}

/** Path of a file below the root, `/` between; undefined outside it and in packages. */
export function inside(url, root) {
  if (!url.startsWith('file:')) return undefined;
  const path = relative(root, fileURLToPath(url.replace(/[?#].*$/, '')));
  if (path === '' || path.startsWith('..') || /(?:^|[\\/])node_modules[\\/]/.test(path)) return undefined;
  return path.split(sep).join('/');
}
