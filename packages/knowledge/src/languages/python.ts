import type { Node } from 'web-tree-sitter';
import type { SourceText } from '../source_text.ts';
import type { Chunked } from './chunk.ts';
import { commentLines } from './outline.ts';
import { assemble, type Piece, withFileHeader } from './pieces.ts';
import { loadPython, parsePython } from './python_syntax.ts';
import { chunkText } from './text.ts';

/**
 * Python: a chunk per top-level class and function with its decorators and the comment above; long classes are taken
 * apart into methods. Tree-sitter reads past errors; a file it makes nothing of is indexed as text.
 */
export async function chunkPython(source: SourceText): Promise<Chunked> {
  await loadPython();
  const tree = parsePython(source.text);
  if (!tree) return chunkText(source);
  try {
    const root = tree.rootNode;
    const warning = root.hasError ? syntaxWarning(root) : undefined;
    const pieces = root.namedChildren
      .filter((node): node is Node => node !== null && node.type !== 'comment')
      .map((node) => pieceOf(node, ''));
    if (!pieces.some((piece) => piece.symbol !== undefined) && warning)
      return { ...chunkText(source), warning };
    const chunks = assemble(source, withFileHeader(source, pieces), 1, source.lines.length).map((one) => ({
      ...one,
      comments: commentLines(one.text.split('\n')),
    }));
    return { chunks, ...(warning ? { warning } : {}) };
  } finally {
    tree.delete();
  }
}

function pieceOf(outer: Node, prefix: string): Piece {
  const node =
    outer.type === 'decorated_definition' ? (outer.childForFieldName('definition') ?? outer) : outer;
  const lines = { startLine: outer.startPosition.row + 1, endLine: outer.endPosition.row + 1 };
  const name = node.childForFieldName('name')?.text;
  const body = node.childForFieldName('body');
  if ((node.type === 'function_definition' || node.type === 'class_definition') && name) {
    const symbol = prefix === '' ? name : `${prefix}.${name}`;
    const isClass = node.type === 'class_definition';
    const parts = isClass
      ? (body?.namedChildren ?? []).flatMap((one) => (one ? [pieceOf(one, symbol)] : []))
      : [];
    const head = body
      ? outer.text.slice(node.startIndex - outer.startIndex, body.startIndex - outer.startIndex)
      : '';
    return {
      kind: isClass ? 'class' : prefix === '' ? 'function' : 'method',
      symbol,
      signature: head
        .replace(/\s+/g, ' ')
        .replace(/\s*:\s*$/, '')
        .trim()
        .slice(0, 240),
      names: [symbol, ...parts.flatMap((part) => (part.symbol ? [part.symbol] : []))],
      ...(parts.length > 0 ? { parts } : {}),
      ...lines,
    };
  }
  if (prefix !== '') return { kind: 'class', symbol: prefix, names: [prefix], loose: true, ...lines };
  const assigned = /^([A-Za-z_]\w*)\s*(?::[^=]+)?=/.exec(outer.text)?.[1];
  return { kind: 'module', names: assigned ? [assigned] : [], loose: true, ...lines };
}

export function syntaxWarning(root: Node): string {
  const error = firstError(root);
  return `syntax error at line ${(error?.startPosition.row ?? 0) + 1}`;
}

function firstError(node: Node): Node | undefined {
  if (node.type === 'ERROR' || node.isMissing) return node;
  for (const child of node.children) {
    if (!child?.hasError && !child?.isMissing) continue;
    const found = firstError(child);
    if (found) return found;
  }
  return undefined;
}
