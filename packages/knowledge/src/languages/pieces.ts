import { isBlank, linesLength, linesText, type SourceText } from '../source_text.ts';
import { type ChunkKind, MAX_CHUNK_CHARS, type RawChunk } from './chunk.ts';
import { splitLines } from './split_lines.ts';

/** What a language knows about a stretch of lines. Gaps between pieces belong to the piece that follows. */
export interface Piece {
  kind: ChunkKind;
  symbol?: string;
  signature?: string;
  heading?: string;
  startLine: number;
  endLine: number;
  names: string[];
  /** Joined with the next piece if that has the same kind and symbol (imports, overloads), up to the chunk size. */
  loose?: boolean;
  /** A smaller limit for joining. UTF-16 units. */
  joinUpTo?: number;
  /** What it may be taken apart into when it is too long. */
  parts?: Piece[];
}

/** Turns pieces, in file order, into chunks that together hold every non-blank line of `from..to` once. */
export function assemble(source: SourceText, pieces: Piece[], from: number, to: number): RawChunk[] {
  const covered = joinLoose(source, cover(pieces, from, to));
  return covered.flatMap((piece) => toChunks(source, piece)).filter((chunk) => chunk.text !== '');
}

interface CoveredPiece extends Piece {
  /** First line of the symbol itself; lines before it are its comment. */
  bodyLine: number;
}

function cover(pieces: Piece[], from: number, to: number): CoveredPiece[] {
  const out: CoveredPiece[] = [];
  let next = from;
  for (const piece of pieces) {
    const last = out.at(-1);
    if (last && piece.startLine < next) {
      // Two statements on one line: lines are the unit, so they share a chunk.
      last.endLine = Math.max(last.endLine, piece.endLine);
      last.names.push(...piece.names);
      last.parts = undefined;
      next = last.endLine + 1;
      continue;
    }
    out.push({
      ...piece,
      names: [...piece.names],
      startLine: next,
      bodyLine: Math.max(piece.startLine, next),
      endLine: Math.min(piece.endLine, to),
    });
    next = piece.endLine + 1;
  }
  const last = out.at(-1);
  if (last) last.endLine = Math.max(last.endLine, to);
  else if (from <= to)
    out.push({ kind: 'module', names: [], startLine: from, bodyLine: from, endLine: to, loose: true });
  return out;
}

function joinLoose(source: SourceText, pieces: CoveredPiece[]): CoveredPiece[] {
  const out: CoveredPiece[] = [];
  for (const piece of pieces) {
    const last = out.at(-1);
    const joins =
      last?.loose &&
      (piece.loose || piece.symbol !== undefined) &&
      last.kind === piece.kind &&
      last.symbol === piece.symbol &&
      linesLength(source, last.startLine, piece.endLine) <= (last.joinUpTo ?? MAX_CHUNK_CHARS);
    if (last && joins) {
      last.endLine = piece.endLine;
      last.names.push(...piece.names);
      last.loose = piece.loose === true;
    } else out.push(piece);
  }
  return out;
}

function toChunks(source: SourceText, piece: CoveredPiece): RawChunk[] {
  const trimmed = trim(source, piece);
  if (!trimmed) return [];
  if (linesLength(source, trimmed.startLine, trimmed.endLine) <= MAX_CHUNK_CHARS)
    return [chunk(source, trimmed)];
  if (trimmed.parts?.length) return takeApart(source, trimmed);
  return splitLines(source, trimmed.startLine, trimmed.endLine).flatMap((range) => {
    const part = trim(source, { ...trimmed, startLine: range.start, endLine: range.end });
    return part ? [chunk(source, part)] : [];
  });
}

/** The head (comment, signature, lines before the first part) comes first; then the parts. */
function takeApart(source: SourceText, piece: CoveredPiece): RawChunk[] {
  const parts = piece.parts!.filter(
    (part) => part.startLine > piece.bodyLine && part.endLine <= piece.endLine,
  );
  const first = parts[0];
  if (!first) return toChunks(source, { ...piece, parts: undefined });
  let headEnd = first.startLine - 1;
  while (headEnd > piece.bodyLine && isComment(source.lines[headEnd - 1]!)) headEnd -= 1;
  const head: Piece = {
    ...piece,
    startLine: piece.bodyLine,
    endLine: headEnd,
    parts: undefined,
    loose: true,
  };
  return assemble(source, [head, ...parts], piece.startLine, piece.endLine);
}

/**
 * A comment at the top of a file that a blank line parts from the first symbol speaks of the file: it is a piece of
 * its own.
 */
export function withFileHeader(source: SourceText, pieces: Piece[]): Piece[] {
  const first = pieces[0];
  if (!first || first.startLine < 3) return pieces;
  let blank = first.startLine - 1;
  while (blank > 1 && !isBlank(source.lines[blank - 1])) blank -= 1;
  const hasText = source.lines.slice(0, blank - 1).some((line) => !isBlank(line) && !line.startsWith('#!'));
  if (blank <= 1 || !hasText) return pieces;
  const header: Piece = { kind: 'module', names: [], startLine: 1, endLine: blank - 1, loose: true };
  return [header, ...pieces];
}

function isComment(line: string): boolean {
  return /^\s*(?:\/\/|\/\*|\*|@\w)/.test(line);
}

function trim(source: SourceText, piece: CoveredPiece): CoveredPiece | undefined {
  let { startLine, endLine } = piece;
  while (startLine <= endLine && isBlank(source.lines[startLine - 1])) startLine += 1;
  while (endLine >= startLine && isBlank(source.lines[endLine - 1])) endLine -= 1;
  return startLine > endLine ? undefined : { ...piece, startLine, endLine };
}

function chunk(source: SourceText, piece: CoveredPiece): RawChunk {
  const { kind, symbol, signature, heading, startLine, endLine, names } = piece;
  const docLines = Math.max(0, Math.min(piece.bodyLine, endLine + 1) - startLine);
  return {
    kind,
    ...(symbol === undefined ? {} : { symbol }),
    ...(signature === undefined ? {} : { signature }),
    ...(heading === undefined ? {} : { heading }),
    startLine,
    endLine,
    text: linesText(source, startLine, endLine),
    docLines,
    names: [...new Set(names)],
  };
}
