import { parseTree } from 'jsonc-parser';
import { parseTOML } from 'toml-eslint-parser';
import { isMap, LineCounter, parseAllDocuments } from 'yaml';
import { lineAt, type SourceText } from '../source_text.ts';
import type { Chunked } from './chunk.ts';
import { assemble, type Piece } from './pieces.ts';
import { chunkText } from './text.ts';

interface KeyRange {
  key: string;
  /** 1-based, inclusive. */
  startLine: number;
  endLine: number;
}

/** Keys of one line each are told together, up to so many UTF-16 units. */
const JOIN_CHARS = 600;

/** JSON, also with comments and trailing commas: a chunk per top-level key. */
export function chunkJson(source: SourceText): Chunked {
  const errors: { offset: number }[] = [];
  const root = parseTree(source.text, errors as never, { allowTrailingComma: true });
  const keys = (root?.type === 'object' ? (root.children ?? []) : []).flatMap((one): KeyRange[] => {
    const [key] = one.children ?? [];
    if (typeof key?.value !== 'string') return [];
    const startLine = lineAt(source, one.offset);
    return [
      {
        key: key.value,
        startLine,
        endLine: lineAt(source, Math.max(one.offset, one.offset + one.length - 1)),
      },
    ];
  });
  const first = errors[0];
  return byKeys(source, keys, first && `not valid JSON at line ${lineAt(source, first.offset)}`);
}

/** YAML: a chunk per top-level key of every document in the file. */
export function chunkYaml(source: SourceText): Chunked {
  const counter = new LineCounter();
  const documents = parseAllDocuments(source.text, { lineCounter: counter, logLevel: 'silent' });
  const keys: KeyRange[] = [];
  let fault: string | undefined;
  for (const document of Array.isArray(documents) ? documents : []) {
    const [error] = document.errors;
    if (error) fault ??= `not valid YAML at line ${error.linePos?.[0].line ?? 1}`;
    if (!isMap(document.contents)) continue;
    for (const { key, value } of document.contents.items) {
      const from = (key as { range?: number[] } | null)?.range;
      const to = (value as { range?: number[] } | null)?.range ?? from;
      if (!from || !to) continue;
      const endLine = counter.linePos(Math.max(from[0]!, to[1]! - 1)).line;
      keys.push({ key: String(key), startLine: counter.linePos(from[0]!).line, endLine });
    }
  }
  return byKeys(source, keys, fault);
}

/** TOML: a chunk per table and top-level key. */
export function chunkToml(source: SourceText): Chunked {
  try {
    const { body } = parseTOML(source.text);
    const keys = (body[0]?.body ?? []).map(
      (one): KeyRange => ({
        key: one.key.keys.map((part) => (part.type === 'TOMLBare' ? part.name : part.value)).join('.'),
        startLine: one.loc.start.line,
        endLine: one.loc.end.line,
      }),
    );
    return byKeys(source, keys, undefined);
  } catch (error) {
    const line = (error as { lineNumber?: number }).lineNumber ?? 1;
    return { ...chunkText(source), warning: `not valid TOML at line ${line}` };
  }
}

function byKeys(source: SourceText, keys: KeyRange[], warning: string | undefined): Chunked {
  const more = warning === undefined ? {} : { warning };
  if (keys.length === 0) return { ...chunkText(source), ...more };
  const pieces = keys.map(
    ({ key, startLine, endLine }): Piece =>
      endLine > startLine
        ? { kind: 'key', symbol: key, names: [key], startLine, endLine }
        : { kind: 'key', names: [key], startLine, endLine, loose: true, joinUpTo: JOIN_CHARS },
  );
  return { chunks: assemble(source, pieces, 1, source.lines.length), ...more };
}
