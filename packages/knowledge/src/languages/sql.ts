import { loadModule, parseSync } from 'libpg-query';
import { lineAt, type SourceText } from '../source_text.ts';
import type { Chunked } from './chunk.ts';
import { assemble, type Piece, withFileHeader } from './pieces.ts';
import { describeStatement } from './sql_objects.ts';
import { scanStatements } from './sql_scanner.ts';

let ready: Promise<void> | undefined;

interface Located {
  /** UTF-16 offsets, end exclusive. */
  start: number;
  end: number;
  statement?: Record<string, unknown>;
}

/**
 * SQL: a chunk per statement with its leading comment, named by the object it defines. Postgres' own parser finds
 * the statements; where it cannot (psql meta commands, a dialect, a syntax error) a scanner does, and each
 * statement is then parsed alone for its name.
 */
export async function chunkSql(source: SourceText): Promise<Chunked> {
  ready ??= loadModule();
  await ready;
  const whole = parseWhole(source.text);
  const located = whole.ok
    ? whole.statements
    : scanStatements(source.text).map((span) => parseOne(source.text, span));
  const pieces = located.map((one) => toPiece(source, one));
  return {
    chunks: assemble(source, withFileHeader(source, pieces), 1, source.lines.length),
    ...(whole.ok ? {} : { warning: whole.warning }),
  };
}

function parseWhole(text: string): { ok: true; statements: Located[] } | { ok: false; warning: string } {
  try {
    const toOffset = byteOffsets(text);
    const statements = (parseSync(text).stmts ?? []).map((raw) => {
      const from = raw.stmt_location ?? 0;
      const to = raw.stmt_len ? from + raw.stmt_len : undefined;
      return {
        start: toOffset(from),
        end: to === undefined ? text.trimEnd().length : toOffset(to),
        statement: raw.stmt as unknown as Record<string, unknown>,
      };
    });
    return { ok: true, statements };
  } catch (error) {
    return { ok: false, warning: `not plain PostgreSQL (${messageOf(error)}); statements found by scanning` };
  }
}

function parseOne(text: string, span: { start: number; end: number }): Located {
  try {
    const statement = parseSync(text.slice(span.start, span.end)).stmts?.[0]?.stmt;
    return statement ? { ...span, statement: statement as unknown as Record<string, unknown> } : span;
  } catch {
    return span;
  }
}

function toPiece(source: SourceText, located: Located): Piece {
  const text = source.text.slice(located.start, located.end);
  const described = describeStatement(text, located.statement);
  return {
    ...described,
    startLine: lineAt(source, located.start),
    endLine: lineAt(source, Math.max(located.start, located.end - 1)),
  };
}

/** The parser counts UTF-8 bytes, everything here counts UTF-16 units. Offsets must be asked in rising order. */
function byteOffsets(text: string): (bytes: number) => number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the question is exactly whether bytes equal units
  if (/^[\x00-\x7f]*$/.test(text)) return (bytes) => bytes;
  let units = 0;
  let seen = 0;
  return (bytes) => {
    while (seen < bytes && units < text.length) {
      const code = text.codePointAt(units)!;
      seen += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
      units += code < 0x10000 ? 1 : 2;
    }
    return units;
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
