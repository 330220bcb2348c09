import { isBlank, linesLength, type SourceText } from '../source_text.ts';
import { MAX_CHUNK_CHARS } from './chunk.ts';

const CONTINUES = /^\s*(?:[)}\]]|else\b|catch\b|finally\b|end\b|\*|<\/)/;
const COMMENT = /^\s*(?:\/\/|\/\*|\*|#|--)/;

/**
 * Cuts a range of lines into ranges of at most `max` characters (a single longer line stays whole).
 * A cut prefers the least indented line, then one after a blank line, then the latest: with any language
 * that indents, that is where one statement or definition ends and the next begins.
 */
export function splitLines(
  source: SourceText,
  start: number,
  end: number,
  max: number = MAX_CHUNK_CHARS,
): Array<{ start: number; end: number }> {
  const ranges: Array<{ start: number; end: number }> = [];
  let from = start;
  while (from <= end) {
    let fits = from;
    while (fits < end && linesLength(source, from, fits + 1) <= max) fits += 1;
    const to = fits === end ? end : bestEnd(source, from, fits, max);
    ranges.push({ start: from, end: to });
    from = to + 1;
  }
  return ranges;
}

/** Last line of the first part of `from..fits`; never earlier than a third of it, or parts would be slivers. */
function bestEnd(source: SourceText, from: number, fits: number, max: number): number {
  let best = fits;
  let bestCost = Number.POSITIVE_INFINITY;
  for (let line = fits + 1; line > from + 1; line -= 1) {
    if (linesLength(source, from, line - 1) < max / 3) break;
    const text = source.lines[line - 1]!;
    if (isBlank(text) || CONTINUES.test(text)) continue;
    const previous = source.lines[line - 2]!;
    if (COMMENT.test(previous) && !isBlank(previous)) continue;
    const cost = indentOf(text) * 2 + (isBlank(previous) ? 0 : 1);
    if (cost < bestCost) {
      bestCost = cost;
      best = line - 1;
    }
  }
  return best;
}

function indentOf(line: string): number {
  let width = 0;
  for (const character of line) {
    if (character === ' ') width += 1;
    else if (character === '\t') width += 4;
    else break;
  }
  return width;
}
