import type { Position } from '../edge.ts';

/** Turns offsets into positions, in any order. */
export function positions(text: string): (offset: number) => Position {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  let line = 0;
  return (offset) => {
    // most are on the line of the one before, or near it
    if (offset < starts[line]! || offset >= (starts[line + 1] ?? Number.POSITIVE_INFINITY)) {
      let low = 0;
      let high = starts.length - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (starts[middle]! <= offset) low = middle;
        else high = middle - 1;
      }
      line = low;
    }
    return { line: line + 1, column: offset - starts[line]! + 1 };
  };
}
