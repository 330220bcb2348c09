import type {
  CallExpression,
  Class,
  Declaration,
  ExportDefaultDeclaration,
  Expression,
  Function as FunctionNode,
  Statement,
  TSGlobalDeclaration,
  TSInterfaceDeclaration,
  TSModuleDeclaration,
  VariableDeclaration,
} from 'oxc-parser';
import type { ChunkKind } from './chunk.ts';
import type { Piece } from './pieces.ts';

interface Node {
  start: number;
  end: number;
}

/** Where nodes are in the file. */
export interface Spans {
  lines(node: Node): { startLine: number; endLine: number };
  text(from: number, to: number): string;
}

const TEST_CALLS = new Set(['describe', 'it', 'test', 'suite', 'context', 'Deno.test', 'bench']);

/** What a statement defines. `prefix` is the symbol it stands in (`Stack` for a method `start`: `Stack.start`). */
export function statementPiece(statement: Statement, spans: Spans, prefix?: string): Piece {
  switch (statement.type) {
    case 'ExportNamedDeclaration':
      if (statement.declaration) return declarationPiece(statement.declaration, statement, spans, prefix);
      return loose(statement, spans);
    case 'ExportDefaultDeclaration':
      return defaultPiece(statement, spans);
    case 'FunctionDeclaration':
    case 'TSDeclareFunction':
    case 'ClassDeclaration':
    case 'VariableDeclaration':
    case 'TSInterfaceDeclaration':
    case 'TSTypeAliasDeclaration':
    case 'TSEnumDeclaration':
    case 'TSModuleDeclaration':
      return declarationPiece(statement, statement, spans, prefix);
    case 'ExpressionStatement':
      return expressionPiece(statement.expression, statement, spans);
    default:
      return loose(statement, spans);
  }
}

function loose(node: Node, spans: Spans): Piece {
  return { kind: 'module', names: [], loose: true, ...spans.lines(node) };
}

function named(
  kind: ChunkKind,
  name: string,
  node: Node,
  spans: Spans,
  more: { signatureEnd?: number; parts?: Piece[]; prefix?: string | undefined; names?: string[] } = {},
): Piece {
  const symbol = more.prefix ? `${more.prefix}.${name}` : name;
  return {
    kind,
    symbol,
    signature: oneLine(spans.text(node.start, Math.min(more.signatureEnd ?? node.end, node.start + 600))),
    names: more.names ?? [symbol],
    ...(more.parts && more.parts.length > 0 ? { parts: more.parts } : {}),
    ...spans.lines(node),
  };
}

const MAX_SIGNATURE = 240;

function oneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ').replace(/\s*(?:\{|=>|=)?\s*$/, '');
  return line.length <= MAX_SIGNATURE ? line : `${line.slice(0, MAX_SIGNATURE - 1)}…`;
}

/** `outer` is the statement with `export`, `node` the declaration in it. */
function declarationPiece(node: Declaration, outer: Node, spans: Spans, prefix?: string): Piece {
  switch (node.type) {
    case 'FunctionDeclaration':
    case 'TSDeclareFunction':
    case 'TSEmptyBodyFunctionExpression':
    case 'FunctionExpression':
      return functionPiece(node, outer, spans, prefix);
    case 'ClassDeclaration':
    case 'ClassExpression':
      return classPiece(node, node.id?.name ?? 'default', outer, spans, prefix);
    case 'VariableDeclaration':
      return variablePiece(node, outer, spans, prefix);
    case 'TSInterfaceDeclaration':
      return interfacePiece(node, outer, spans, prefix);
    case 'TSTypeAliasDeclaration':
      return named('type', node.id.name, outer, spans, { prefix });
    case 'TSEnumDeclaration':
      return named('enum', node.id.name, outer, spans, { prefix, signatureEnd: node.body.start });
    case 'TSModuleDeclaration':
      return namespacePiece(node, outer, spans);
    default:
      return loose(outer, spans);
  }
}

function functionPiece(node: FunctionNode, outer: Node, spans: Spans, prefix?: string, name?: string): Piece {
  const own = name ?? node.id?.name ?? 'default';
  const parts = bodyParts(statementsOf(node.body), prefix ? `${prefix}.${own}` : own, spans);
  const piece = named('function', own, outer, spans, {
    prefix,
    parts,
    ...(node.body ? { signatureEnd: node.body.start } : {}),
  });
  // An overload stands with its implementation.
  return node.body ? piece : { ...piece, loose: true };
}

/** The statements of a block; the body of `() => x` has none. */
function statementsOf(body: { type: string } | null | undefined): Statement[] {
  return body?.type === 'BlockStatement' ? (body as unknown as { body: Statement[] }).body : [];
}

/** Functions defined inside a long function are chunks of their own; what stands between them keeps its name. */
function bodyParts(body: Statement[], symbol: string, spans: Spans): Piece[] {
  if (body.length < 2) return [];
  return body.map((statement): Piece => {
    const piece = statementPiece(statement, spans);
    const isFunction = piece.kind === 'function' && piece.endLine > piece.startLine;
    if (isFunction && piece.symbol) {
      const inner = `${symbol}.${piece.symbol}`;
      return { ...piece, symbol: inner, names: [inner] };
    }
    return { kind: 'function', symbol, names: [symbol], loose: true, ...spans.lines(statement) };
  });
}

function classPiece(node: Class, name: string, outer: Node, spans: Spans, prefix?: string): Piece {
  const symbol = prefix ? `${prefix}.${name}` : name;
  const memberNames: string[] = [];
  const parts = node.body.body.map((member): Piece => {
    const key = 'key' in member ? keyName(member.key as Node & { type: string }, spans) : undefined;
    if (!key) return { kind: 'class', symbol, names: [symbol], loose: true, ...spans.lines(member) };
    const isMethod = member.type === 'MethodDefinition' || member.type === 'TSAbstractMethodDefinition';
    memberNames.push(key);
    const value =
      'value' in member ? (member.value as (Node & { type: string; body?: unknown }) | null) : null;
    const isArrow = value?.type === 'ArrowFunctionExpression' || value?.type === 'FunctionExpression';
    if (!isMethod && !isArrow) {
      return { kind: 'class', symbol, names: [`${symbol}.${key}`], loose: true, ...spans.lines(member) };
    }
    const body = value && 'body' in value ? (value.body as Node | null) : null;
    return named('method', key, member, spans, {
      prefix: symbol,
      ...(body ? { signatureEnd: body.start } : {}),
    });
  });
  return named('class', name, outer, spans, {
    prefix,
    parts,
    signatureEnd: node.body.start,
    names: [symbol, ...memberNames.map((member) => `${symbol}.${member}`)],
  });
}

function keyName(key: Node & { type: string }, spans: Spans): string | undefined {
  if (key.type === 'Identifier' || key.type === 'PrivateIdentifier') return spans.text(key.start, key.end);
  if (key.type === 'Literal') return spans.text(key.start, key.end).replace(/^['"]|['"]$/g, '');
  return undefined;
}

function interfacePiece(node: TSInterfaceDeclaration, outer: Node, spans: Spans, prefix?: string): Piece {
  return named('interface', node.id.name, outer, spans, { prefix, signatureEnd: node.body.start });
}

function namespacePiece(node: TSModuleDeclaration | TSGlobalDeclaration, outer: Node, spans: Spans): Piece {
  const name = spans.text(node.id.start, node.id.end).replace(/^['"]|['"]$/g, '');
  const body = node.body && 'body' in node.body ? (node.body.body as Statement[]) : [];
  const parts = body.map((statement) => statementPiece(statement, spans, name));
  return named('namespace', name, outer, spans, {
    parts,
    ...(node.body ? { signatureEnd: node.body.start } : {}),
  });
}

function variablePiece(node: VariableDeclaration, outer: Node, spans: Spans, prefix?: string): Piece {
  const names = node.declarations.flatMap((one) => patternNames(one.id as PatternNode));
  const first = names[0];
  if (first === undefined) return loose(outer, spans);
  const initial = node.declarations.length === 1 ? node.declarations[0]!.init : null;
  const more = { prefix, names: prefix ? names.map((name) => `${prefix}.${name}`) : names };
  if (initial) {
    const value = unwrap(initial);
    const symbol = prefix ? `${prefix}.${first}` : first;
    if (value.type === 'ArrowFunctionExpression' || value.type === 'FunctionExpression') {
      const parts = bodyParts(statementsOf(value.body), symbol, spans);
      const signatureEnd = value.body?.start ?? value.end;
      return named('function', first, outer, spans, { ...more, parts, signatureEnd });
    }
    if (value.type === 'ClassExpression') return classPiece(value, first, outer, spans, prefix);
    if (value.type === 'ObjectExpression') {
      const parts = value.properties.map((property): Piece => {
        const key =
          property.type === 'Property' ? keyName(property.key as Node & { type: string }, spans) : undefined;
        const inner = property.type === 'Property' ? property.value.type : '';
        if (key && (inner === 'FunctionExpression' || inner === 'ArrowFunctionExpression')) {
          return named('method', key, property, spans, { prefix: symbol });
        }
        return { kind: 'variable', symbol, names: [symbol], loose: true, ...spans.lines(property) };
      });
      return named('variable', first, outer, spans, { ...more, parts, signatureEnd: value.start });
    }
  }
  return named('variable', first, outer, spans, more);
}

interface PatternNode extends Node {
  type: string;
  name?: string;
  properties?: Array<{ type: string; value?: PatternNode; argument?: PatternNode }>;
  elements?: Array<PatternNode | null>;
  argument?: PatternNode;
  left?: PatternNode;
}

function patternNames(pattern: PatternNode): string[] {
  if (pattern.type === 'Identifier') return [pattern.name!];
  if (pattern.type === 'ObjectPattern') {
    return pattern.properties!.flatMap((property) => patternNames((property.value ?? property.argument)!));
  }
  if (pattern.type === 'ArrayPattern')
    return pattern.elements!.flatMap((one) => (one ? patternNames(one) : []));
  if (pattern.type === 'AssignmentPattern') return patternNames(pattern.left!);
  if (pattern.type === 'RestElement') return patternNames(pattern.argument!);
  return [];
}

function defaultPiece(statement: ExportDefaultDeclaration, spans: Spans): Piece {
  const node = statement.declaration;
  switch (node.type) {
    case 'FunctionDeclaration':
    case 'TSDeclareFunction':
    case 'FunctionExpression':
      return functionPiece(node, statement, spans);
    case 'ClassDeclaration':
    case 'ClassExpression':
      return classPiece(node, node.id?.name ?? 'default', statement, spans);
    case 'TSInterfaceDeclaration':
      return interfacePiece(node, statement, spans);
    case 'ArrowFunctionExpression': {
      const parts = bodyParts(statementsOf(node.body), 'default', spans);
      return named('function', 'default', statement, spans, { parts, signatureEnd: node.body.start });
    }
    default:
      return loose(statement, spans);
  }
}

function expressionPiece(expression: Expression, statement: Node, spans: Spans): Piece {
  const value = unwrap(expression);
  if (value.type === 'CallExpression') return callPiece(value, statement, spans);
  if (value.type === 'AssignmentExpression' && value.left.type === 'MemberExpression') {
    const target = spans.text(value.left.start, value.left.end).replace(/\.prototype\./, '.');
    const right = unwrap(value.right);
    if (/^[\w$.]{1,80}$/.test(target) && target !== 'module.exports') {
      const name = target.replace(/^(?:module\.)?exports\./, '');
      const isFunction = right.type === 'FunctionExpression' || right.type === 'ArrowFunctionExpression';
      const signatureEnd = isFunction ? right.body?.start : undefined;
      return named(
        isFunction ? 'function' : 'variable',
        name,
        statement,
        spans,
        signatureEnd ? { signatureEnd } : {},
      );
    }
  }
  return loose(statement, spans);
}

/** `describe('x', () => …)` and its kin: named by their title; a long group is taken apart into its cases. */
function callPiece(call: CallExpression, statement: Node, spans: Spans): Piece {
  const callee = spans.text(call.callee.start, Math.min(call.callee.end, call.callee.start + 40));
  const title = call.arguments[0];
  const base = TEST_CALLS.has(callee)
    ? callee
    : callee.replace(/\.(?:only|skip|todo|concurrent|each.*)$/s, '');
  if (!TEST_CALLS.has(base) || !title) return loose(statement, spans);
  const heading = oneLine(spans.text(title.start, title.end)).replace(/^['"`]|['"`]$/g, '');
  const last = call.arguments.at(-1)!;
  const isFunction = last.type === 'ArrowFunctionExpression' || last.type === 'FunctionExpression';
  const body = isFunction ? statementsOf(last.body) : [];
  const parts = body.length < 2 ? [] : body.map((inner) => statementPiece(inner, spans));
  return {
    kind: 'test',
    heading,
    names: [heading],
    // Short cases of one group share a chunk: there are many, and each alone says little.
    loose: true,
    joinUpTo: 1200,
    ...(parts.length > 0 ? { parts } : {}),
    ...spans.lines(statement),
  };
}

/** The value inside parentheses, casts and `Object.freeze(…)`-like wrappers is what the name stands for. */
function unwrap(expression: Expression): Expression {
  let value = expression;
  for (;;) {
    if (value.type === 'ParenthesizedExpression' || value.type === 'TSAsExpression') value = value.expression;
    else if (value.type === 'TSSatisfiesExpression' || value.type === 'AwaitExpression') {
      value = value.type === 'AwaitExpression' ? value.argument : value.expression;
    } else return value;
  }
}
