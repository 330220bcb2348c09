import type { Node, ParseResult } from 'oxc-parser';
import { methodStart } from '../flow/analysis.ts';
import { boundNames } from '../flow/scope.ts';
import { positions } from '../modules/position.ts';
import { childNodes } from '../syntax_walk.ts';
import type { GraphNode } from './symbol.ts';

/** A definition with what later steps need of its place. UTF-16 offsets. */
export interface Definition {
  node: GraphNode;
  start: number;
  end: number;
  /** Key of what it is written in. */
  parent: string;
  /** Name at the top of the file, when it is one. */
  top?: string;
}

export interface FileDefinitions {
  path: string;
  definitions: Definition[];
  byKey: ReadonlyMap<string, Definition>;
  /** Key of the innermost definition around an offset. */
  at(offset: number): string;
  /** Keys by where the function or class that they name begins. */
  code: ReadonlyMap<number, string>;
}

const MAX_TEXT = 400;

/** Every named thing a file defines, from its parsed tree. */
export function readDefinitions(path: string, text: string, parsed: ParseResult): FileDefinitions {
  const place = positions(text);
  const definitions: Definition[] = [];
  const byKey = new Map<string, Definition>();
  const code = new Map<number, string>();
  const overloads = new Set<string>();
  const { comments } = parsed;
  const exported = exportedNames(parsed);
  const file: GraphNode = {
    key: path,
    kind: 'module',
    name: path,
    exported: true,
    ...range(0, text.length),
  };
  add({ node: file, start: 0, end: text.length, parent: '' });
  for (const statement of parsed.program.body as Node[]) visitStatement(statement, path, '');
  const around = innermost(Int32Array.from(definitions.flatMap(({ start, end }) => [start, end])));
  return { path, definitions, byKey, code, at: (offset) => definitions[around(offset)]!.node.key };

  function range(start: number, end: number) {
    const [from, to] = [place(start), place(end)];
    return { start_line: from.line, start_column: from.column, end_line: to.line, end_column: to.column };
  }

  function add(definition: Definition): void {
    definitions.push(definition);
    byKey.set(definition.node.key, definition);
  }

  function define(
    kind: string,
    name: string,
    outer: Node,
    where: { parent: string; prefix: string; head?: number; isExported?: boolean; code?: number[] },
  ): string {
    const qualified = where.prefix === '' ? name : `${where.prefix}.${name}`;
    let key = `${path}#${qualified}`;
    for (let nth = 2; byKey.has(key); nth += 1) key = `${path}#${qualified}~${nth}`;
    const doc = commentBefore(outer.start);
    const signature = oneLine(
      text.slice(outer.start, Math.min(where.head ?? outer.end, outer.start + MAX_TEXT)),
    );
    add({
      node: {
        key,
        kind,
        name,
        ...(signature === '' ? {} : { signature }),
        ...(doc === undefined ? {} : { doc }),
        exported: where.isExported ?? (where.prefix === '' && exported.has(name)),
        ...range(outer.start, outer.end),
      },
      start: outer.start,
      end: outer.end,
      parent: where.parent,
      ...(where.prefix === '' ? { top: name } : {}),
    });
    for (const offset of where.code ?? []) code.set(offset, key);
    return key;
  }

  function visitStatement(outer: Node, parent: string, prefix: string): void {
    const isDefault = outer.type === 'ExportDefaultDeclaration';
    const node =
      (isDefault || outer.type === 'ExportNamedDeclaration') && outer.declaration
        ? (outer.declaration as Node)
        : outer;
    const isExported = outer !== node ? true : undefined;
    const where = { parent, prefix, ...(isExported ? { isExported } : {}) };
    switch (node.type) {
      case 'FunctionDeclaration':
      case 'TSDeclareFunction': {
        const name = node.id?.name ?? 'default';
        const first = byKey.get(`${path}#${prefix === '' ? name : `${prefix}.${name}`}`);
        if (first && overloads.has(first.node.key)) {
          // the implementation stands with its overloads
          first.end = outer.end;
          Object.assign(first.node, range(first.start, outer.end));
          if (node.body) code.set(node.start, first.node.key);
          if (node.body) overloads.delete(first.node.key);
          inside(node.body as Node | null, first.node.key, nameOf(first.node.key));
          return;
        }
        const head = node.body?.start ?? node.end;
        const key = define('function', name, outer, { ...where, head, code: [node.start] });
        if (!node.body) overloads.add(key);
        inside(node.body as Node | null, key, prefix === '' ? name : `${prefix}.${name}`);
        return;
      }
      case 'ClassDeclaration':
      case 'ClassExpression':
        visitClass(node, outer, node.id?.name ?? 'default', where);
        return;
      case 'TSInterfaceDeclaration': {
        const key = define('interface', node.id.name, outer, { ...where, head: node.body.start });
        for (const member of node.body.body) {
          if (member.type !== 'TSMethodSignature' && member.type !== 'TSPropertySignature') continue;
          const name = keyName(member.key as Node);
          if (!name || byKey.has(`${key}.${name}`)) continue;
          const kind = member.type === 'TSMethodSignature' ? 'method' : 'property';
          define(kind, name, member, { parent: key, prefix: nameOf(key), isExported: false });
        }
        return;
      }
      case 'TSTypeAliasDeclaration':
        define('type', node.id.name, outer, where);
        return;
      case 'TSEnumDeclaration':
        define('enum', node.id.name, outer, { ...where, head: node.body.start });
        return;
      case 'TSModuleDeclaration': {
        if (node.id.type !== 'Identifier' || !node.body || !('body' in node.body)) return;
        const key = define('namespace', node.id.name, outer, { ...where, head: node.body.start });
        for (const one of node.body.body as Node[]) visitStatement(one, key, nameOf(key));
        return;
      }
      case 'VariableDeclaration':
        for (const one of node.declarations) {
          const value = unwrap(one.init as Node | null);
          const single = node.declarations.length === 1 ? outer : one;
          if (one.id.type === 'Identifier') visitVariable(one.id.name, value, single, where);
          else for (const name of boundNames(one.id)) define('variable', name, single, where);
          if (one.id.type !== 'Identifier') inside(value, parent, prefix);
        }
        return;
      case 'ExpressionStatement':
        visitAssignment(node.expression as Node, outer, where);
        return;
      default:
        if (isDefault) {
          const value = unwrap(node);
          const isFunction =
            value?.type === 'ArrowFunctionExpression' || value?.type === 'FunctionExpression';
          const head = isFunction ? ((value.body as Node | null)?.start ?? node.end) : node.end;
          const kind = isFunction ? 'function' : 'variable';
          const key = define(kind, 'default', outer, { ...where, head, code: [value?.start ?? node.start] });
          inside(value, key, nameOf(key));
        } else inside(node, parent, prefix);
    }
  }

  function visitVariable(
    name: string,
    value: Node | null,
    outer: Node,
    where: { parent: string; prefix: string; isExported?: boolean },
  ): void {
    const isFunction = value?.type === 'ArrowFunctionExpression' || value?.type === 'FunctionExpression';
    if (value?.type === 'ClassExpression') visitClass(value, outer, name, where);
    else if (isFunction) {
      const head = (value.body as Node | null)?.start ?? value.end;
      const key = define('function', name, outer, { ...where, head, code: [value.start] });
      inside(value.body as Node | null, key, nameOf(key));
    } else if (where.prefix === '' || where.isExported) {
      const head = value?.type === 'ObjectExpression' ? value.start : outer.end;
      const key = define('variable', name, outer, { ...where, head });
      if (value?.type === 'ObjectExpression') visitObject(value, key);
      else inside(value, key, nameOf(key));
    } else inside(value, where.parent, where.prefix);
  }

  function visitObject(object: Node & { type: 'ObjectExpression' }, parent: string): void {
    for (const one of object.properties) {
      if (one.type !== 'Property') continue;
      const name = one.computed ? undefined : keyName(one.key as Node);
      const value = unwrap(one.value as Node);
      const isFunction = value?.type === 'ArrowFunctionExpression' || value?.type === 'FunctionExpression';
      if (name && isFunction) {
        const key = define('method', name, one, {
          parent,
          prefix: nameOf(parent),
          head: (value.body as Node | null)?.start ?? one.end,
          code: [one.start, value.start],
        });
        inside(value.body as Node | null, key, nameOf(key));
      } else inside(value, parent, nameOf(parent));
    }
  }

  function visitClass(
    node: Node & { type: 'ClassDeclaration' | 'ClassExpression' },
    outer: Node,
    name: string,
    where: { parent: string; prefix: string; isExported?: boolean },
  ): void {
    const key = define('class', name, outer, { ...where, head: node.body.start, code: [node.start] });
    for (const member of node.body.body) {
      if (!('key' in member)) {
        inside(member, key, nameOf(key));
        continue;
      }
      const own = 'computed' in member && member.computed ? undefined : keyName(member.key as Node);
      const value = 'value' in member ? (member.value as Node | null) : null;
      if (!own) {
        inside(value, key, nameOf(key));
        continue;
      }
      const isMethod = member.type === 'MethodDefinition' || member.type === 'TSAbstractMethodDefinition';
      const isFunction = value?.type === 'ArrowFunctionExpression' || value?.type === 'FunctionExpression';
      const body = value && 'body' in value ? (value.body as Node | null) : null;
      if (isMethod && !body && member.type === 'MethodDefinition') continue; // an overload
      const head = body?.start ?? member.end;
      const made = define(isMethod || isFunction ? 'method' : 'property', own, member, {
        parent: key,
        prefix: nameOf(key),
        head,
        code: isMethod
          ? [member.start, methodStart(member as Parameters<typeof methodStart>[0], text)]
          : [value?.start ?? member.start],
      });
      inside(isMethod || isFunction ? body : value, made, nameOf(made));
    }
  }

  /** `exports.x = …`, `module.exports = …`, `F.prototype.m = function …`. */
  function visitAssignment(
    expression: Node,
    outer: Node,
    where: { parent: string; prefix: string; isExported?: boolean },
  ): void {
    if (expression.type !== 'AssignmentExpression' || expression.left.type !== 'MemberExpression') {
      inside(expression, where.parent, where.prefix);
      return;
    }
    const target = text.slice(expression.left.start, expression.left.end);
    const value = unwrap(expression.right as Node);
    const isFunction = value?.type === 'ArrowFunctionExpression' || value?.type === 'FunctionExpression';
    const given = /^(?:module\.)?exports\.([\w$]+)$/.exec(target)?.[1];
    const method = /^([\w$.]+)\.prototype\.([\w$]+)$/.exec(target);
    if (given && where.prefix === '') {
      if (value?.type === 'Identifier' && byKey.has(`${path}#${value.name}`)) return; // exports.f = f
      visitVariable(given, value, outer, { ...where, isExported: true });
    } else if (isFunction && method && where.prefix === '') {
      const parent = byKey.has(`${path}#${method[1]}`) ? `${path}#${method[1]}` : where.parent;
      const key = define('method', method[2]!, outer, {
        parent,
        prefix: method[1]!,
        head: (value.body as Node | null)?.start ?? outer.end,
        code: [value.start],
      });
      inside(value.body as Node | null, key, nameOf(key));
    } else if (isFunction && /^[\w$.]+$/.test(target) && !/^(?:this\b|module\.exports$)/.test(target)) {
      const name = target.split('.').at(-1)!;
      const prefix = target.split('.').slice(0, -1).join('.');
      const parent = byKey.has(`${path}#${prefix}`) ? `${path}#${prefix}` : where.parent;
      const head = (value.body as Node | null)?.start ?? outer.end;
      const key = define('method', name, outer, { parent, prefix, head, code: [value.start] });
      inside(value.body as Node | null, key, nameOf(key));
    } else if (target === 'module.exports' && value?.type === 'ObjectExpression' && where.prefix === '') {
      visitObject(value, where.parent);
    } else inside(expression, where.parent, where.prefix);
  }

  /** Named functions and classes within an expression or a body. */
  function inside(node: Node | null, parent: string, prefix: string): void {
    if (!node) return;
    switch (node.type) {
      case 'BlockStatement':
        for (const one of node.body as Node[]) visitStatement(one, parent, prefix === '' ? '' : prefix);
        return;
      case 'FunctionExpression':
      case 'ArrowFunctionExpression':
        inside(node.body as Node | null, parent, prefix === '' ? '<anonymous>' : prefix);
        return;
      case 'FunctionDeclaration':
      case 'ClassDeclaration':
        visitStatement(node, parent, prefix);
        return;
      case 'VariableDeclaration':
        visitStatement(node, parent, prefix === '' ? '<block>' : prefix);
        return;
      default:
        if (!node.type.startsWith('TS') || /^TS(?:As|Satisfies|NonNull)/.test(node.type)) {
          for (const child of childNodes(node)) inside(child, parent, prefix);
        }
    }
  }

  function nameOf(key: string): string {
    return key === path ? '' : key.slice(path.length + 1);
  }

  /** The comment that ends just before an offset, with only blanks between. */
  function commentBefore(offset: number): string | undefined {
    let low = 0;
    let high = comments.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (comments[middle]!.end <= offset) low = middle + 1;
      else high = middle;
    }
    const last = comments[low - 1];
    if (!last || !/^[ \t]*\r?\n?[ \t]*$/.test(text.slice(last.end, offset))) return undefined;
    let first = low - 1;
    if (last.type === 'Line') {
      while (
        first > 0 &&
        comments[first - 1]!.type === 'Line' &&
        /^\r?\n[ \t]*$/.test(text.slice(comments[first - 1]!.end, comments[first]!.start))
      ) {
        first -= 1;
      }
    }
    const said = comments
      .slice(first, low)
      .map((one) => one.value.replace(/^\*+/, '').replace(/^[ \t]*\*(?!\/) ?/gm, ''))
      .join('\n')
      .trim();
    return said === '' ? undefined : said.slice(0, 2000);
  }
}

/** Finds which of some spans (starts and ends in pairs, the first around all others) is the innermost around an offset, by its place. */
export function innermost(spans: Int32Array): (offset: number) => number {
  const start = (one: number) => spans[2 * one]!;
  const end = (one: number) => spans[2 * one + 1]!;
  // Larger ones first, so that the last that fits is the innermost.
  const nested = Array.from({ length: spans.length / 2 }, (_, at) => at).sort(
    (a, b) => start(a) - start(b) || end(b) - end(a),
  );
  /** Of each the last one before it that has not ended where it begins: none between them is around anything later. */
  const outer = new Int32Array(nested.length).fill(-1);
  for (let at = 1; at < nested.length; at += 1) {
    let above = at - 1;
    while (above >= 0 && end(nested[above]!) <= start(nested[at]!)) above = outer[above]!;
    outer[at] = above;
  }
  return (offset) => {
    let low = 0;
    let high = nested.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (start(nested[middle]!) <= offset) low = middle + 1;
      else high = middle;
    }
    let found = low - 1;
    while (found >= 0 && end(nested[found]!) <= offset) found = outer[found]!;
    return found < 0 ? 0 : nested[found]!;
  };
}

function keyName(key: Node): string | undefined {
  if (key.type === 'Identifier' || key.type === 'PrivateIdentifier') {
    return key.name;
  }
  return key.type === 'Literal' && typeof key.value === 'string' && key.value !== '' ? key.value : undefined;
}

/** The value inside parentheses and casts. */
export function unwrap(node: Node | null): Node | null {
  let value = node;
  while (
    value &&
    (value.type === 'ParenthesizedExpression' ||
      value.type === 'TSAsExpression' ||
      value.type === 'TSSatisfiesExpression' ||
      value.type === 'TSNonNullExpression')
  ) {
    value = value.expression as Node;
  }
  return value;
}

function exportedNames(parsed: ParseResult): Set<string> {
  return new Set(
    parsed.module.staticExports.flatMap((one) =>
      one.entries.flatMap((entry) => (entry.localName.name ? [entry.localName.name] : [])),
    ),
  );
}

function oneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ').replace(/\s*(?:\{|=>|=)?\s*$/, '');
  return line.length <= 240 ? line : `${line.slice(0, 239)}…`;
}
