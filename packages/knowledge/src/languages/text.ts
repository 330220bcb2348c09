import type { SourceText } from '../source_text.ts';
import type { Chunked } from './chunk.ts';
import { withOutline } from './outline.ts';
import { assemble } from './pieces.ts';
import { splitLines } from './split_lines.ts';

/** Smaller than a symbol may be: a window has no name to be found by, so its text must be about one thing. */
const WINDOW_CHARS = 1600;

/**
 * Any text: windows of whole lines, cut where indentation says a block ends. No overlap, so no quote is ambiguous. Code
 * of a language without a parser is found by what its lines define, and by its comments.
 */
export function chunkText(source: SourceText): Chunked {
  const pieces = splitLines(source, 1, source.lines.length, WINDOW_CHARS).map((range) => ({
    kind: 'window' as const,
    startLine: range.start,
    endLine: range.end,
    names: [],
  }));
  return { chunks: assemble(source, pieces, 1, source.lines.length).map(withOutline) };
}
