import type { Statement } from 'oxc-parser';
import { parseModuleFile } from '../graph/modules/requests.ts';
import { lineAt, type SourceText } from '../source_text.ts';
import type { Chunked } from './chunk.ts';
import { assemble, type Piece, withFileHeader } from './pieces.ts';
import { chunkText } from './text.ts';
import { statementPiece, type Spans } from './typescript_pieces.ts';

/**
 * TypeScript, JavaScript, TSX and JSX: a chunk per top-level symbol with its leading comment; long classes,
 * namespaces, test groups and factories are taken apart into members. A file the parser cannot make sense of
 * is indexed as text, with a warning.
 */
export function chunkTypeScript(source: SourceText): Chunked {
  const { body, errors } = parseModule(source);
  const warning = errors[0] === undefined ? undefined : syntaxWarning(source, errors);
  if (body.length === 0) return { ...chunkText(source), ...(warning ? { warning } : {}) };
  const spans: Spans = {
    lines: (node) => ({
      startLine: lineAt(source, node.start),
      endLine: lineAt(source, Math.max(node.start, node.end - 1)),
    }),
    text: (from, to) => source.text.slice(from, to),
  };
  const pieces: Piece[] = body.map((statement) => statementPiece(statement, spans));
  return {
    chunks: assemble(source, withFileHeader(source, pieces), 1, source.lines.length),
    ...(warning ? { warning } : {}),
  };
}

interface ParsedModule {
  body: Statement[];
  errors: Array<{ message: string; offset: number }>;
}

function parseModule({ path, text }: SourceText): ParsedModule {
  const parsed = parseModuleFile({ path, text });
  const errors = parsed.errors
    .filter((error) => error.severity === 'Error')
    .map((error) => ({ message: error.message, offset: error.labels[0]?.start ?? 0 }));
  return { body: parsed.program.body as Statement[], errors };
}

function syntaxWarning(source: SourceText, errors: ParsedModule['errors']): string {
  const { message, offset } = errors[0]!;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  return `syntax error at line ${lineAt(source, offset)}: ${message}${more}`;
}
