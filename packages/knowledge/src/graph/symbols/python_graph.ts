import { posix } from 'node:path';
import type { Node } from 'web-tree-sitter';
import { parsePython } from '../../languages/python_syntax.ts';
import type { FileGraph, GraphNode, GraphRelation, RelationKind } from './symbol.ts';

/**
 * Symbols of a Python file, its imports resolved to files of the repository, and the calls its names tell: functions and
 * classes of the file, imported ones, methods of `self`. Undefined when the grammar is not loaded.
 */
export function pythonGraph(path: string, text: string, paths: ReadonlySet<string>): FileGraph | undefined {
  const tree = parsePython(text);
  if (!tree) return undefined;
  const nodes = new Map<string, GraphNode>();
  const edges = new Map<string, GraphRelation>();
  const unresolved: FileGraph['unresolved'] = [];
  /** Local names with the key or file they mean. */
  const names = new Map<string, string>();
  const root = tree.rootNode;
  nodes.set(path, { key: path, kind: 'module', name: path, exported: true, ...range(root) });
  for (const child of root.namedChildren) if (child) define(child, path, '');
  readImports(root);
  for (const child of root.namedChildren) if (child) readUses(child, path, undefined);
  tree.delete();
  return { path, nodes: [...nodes.values()], edges: [...edges.values()], unresolved };

  function range(node: Node) {
    const [from, to] = [node.startPosition, node.endPosition];
    return {
      start_line: from.row + 1,
      start_column: from.column + 1,
      end_line: to.row + 1,
      end_column: to.column + 1,
    };
  }

  function relate(
    from: string,
    to: string,
    kind: RelationKind,
    node: Node,
    confidence = 1,
    via?: string,
  ): void {
    const key = `${kind} ${from} ${to}`;
    const known = edges.get(key);
    if (known) {
      known.sites += 1;
      return;
    }
    const { row, column } = node.startPosition;
    const provenance = kind === 'contains' || kind === 'imports' ? 'syntax' : 'scope';
    const place = { sites: 1, line: row + 1, column: column + 1 };
    edges.set(key, { from, to, kind, ...(via ? { via } : {}), provenance, confidence, ...place });
  }

  function inner(outer: Node): Node {
    return outer.type === 'decorated_definition' ? (outer.childForFieldName('definition') ?? outer) : outer;
  }

  function define(outer: Node, parent: string, prefix: string): void {
    const node = inner(outer);
    const name = node.childForFieldName('name')?.text;
    if (!/^(?:function|class)_definition$/.test(node.type) || !name) {
      const assigned =
        prefix === '' ? /^([A-Za-z_]\w*)\s*(?::[^=\n]+)?=(?!=)/.exec(outer.text)?.[1] : undefined;
      if (assigned && !nodes.has(`${path}#${assigned}`))
        add(outer, 'variable', assigned, parent, prefix, undefined);
      return;
    }
    const body = node.childForFieldName('body');
    const isClass = node.type === 'class_definition';
    const inClass = nodes.get(parent)?.kind === 'class';
    const key = add(outer, isClass ? 'class' : inClass ? 'method' : 'function', name, parent, prefix, node);
    const qualified = key.slice(path.length + 1);
    for (const child of body?.namedChildren ?? []) if (child) define(child, key, qualified);
  }

  function add(
    outer: Node,
    kind: string,
    name: string,
    parent: string,
    prefix: string,
    node: Node | undefined,
  ): string {
    const qualified = prefix === '' ? name : `${prefix}.${name}`;
    let key = `${path}#${qualified}`;
    for (let nth = 2; nodes.has(key); nth += 1) key = `${path}#${qualified}~${nth}`;
    const body = node?.childForFieldName('body');
    const first = body?.namedChildren[0];
    const said =
      first?.type === 'expression_statement' && first.namedChildren[0]?.type === 'string'
        ? first.text
        : undefined;
    const doc = said?.replace(/^\w*("""|'''|"|')|("""|'''|"|')$/g, '').trim();
    const signature = (
      node && body ? text.slice(node.startIndex, body.startIndex) : outer.text.split('\n', 1)[0]!
    )
      .replace(/\s+/g, ' ')
      .replace(/\s*:\s*$/, '')
      .trim();
    nodes.set(key, {
      key,
      kind,
      name,
      signature: signature.slice(0, 240),
      ...(doc ? { doc: doc.slice(0, 2000) } : {}),
      exported: prefix === '' && !name.startsWith('_'),
      ...range(outer),
    });
    if (prefix === '') names.set(name, key);
    relate(parent, key, 'contains', outer);
    return key;
  }

  function readImports(node: Node): void {
    if (node.type === 'import_statement') {
      for (const one of node.namedChildren) {
        if (!one) continue;
        const module = one.type === 'aliased_import' ? one.childForFieldName('name')?.text : one.text;
        const alias = one.type === 'aliased_import' ? one.childForFieldName('alias')?.text : undefined;
        const file = module === undefined ? undefined : importFile(module, one);
        if (file && alias) names.set(alias, file);
        else if (file && module && !module.includes('.')) names.set(module, file);
      }
      return;
    }
    if (node.type === 'import_from_statement') {
      const from = node.childForFieldName('module_name');
      if (!from) return;
      for (const one of node.childrenForFieldName('name')) {
        if (!one) continue;
        const name = (one.type === 'aliased_import' ? one.childForFieldName('name')?.text : one.text) ?? '';
        const alias =
          (one.type === 'aliased_import' ? one.childForFieldName('alias')?.text : undefined) ?? name;
        const separator = /^\.+$/.test(from.text) ? '' : '.';
        // `from package import module` names a file, anything else a symbol of one
        const file = moduleFile(`${from.text}${separator}${name}`);
        if (file) {
          relate(path, file, 'imports', from, 1, 'static');
          names.set(alias, file);
          continue;
        }
        const home = importFile(from.text, from);
        if (home) names.set(alias, `${home}#${name}`);
      }
      if (node.namedChildren.some((one) => one?.type === 'wildcard_import')) importFile(from.text, from);
      return;
    }
    for (const child of node.namedChildren) if (child) readImports(child);
  }

  function importFile(module: string, node: Node): string | undefined {
    const file = moduleFile(module);
    if (file) relate(path, file, 'imports', node, 1, 'static');
    else if (module.startsWith('.')) {
      const line = node.startPosition.row + 1;
      unresolved.push({ specifier: module, kind: 'static', reason: 'no_such_file', line });
    } else relate(path, `pypi:${module.split('.', 1)[0]}`, 'imports', node, 1, 'static');
    return file;
  }

  /** A module's file: relative to this one, or from the root of the repository or any folder above this file. */
  function moduleFile(module: string): string | undefined {
    const dots = /^\.*/.exec(module)![0].length;
    const parts = module
      .slice(dots)
      .split('.')
      .filter((one) => one !== '');
    const inside = parts.join('/');
    let folder = posix.dirname(path);
    const bases: string[] = [];
    if (dots > 0) {
      for (let at = 1; at < dots; at += 1) folder = posix.dirname(folder);
      bases.push(folder);
    } else {
      for (; ; folder = posix.dirname(folder)) {
        bases.push(folder);
        if (folder === '.' || folder === '/') break;
      }
      bases.push('src');
    }
    for (const base of bases) {
      const stem = posix.normalize(posix.join(base, inside));
      const forms =
        inside === ''
          ? [posix.join(base, '__init__.py')]
          : [`${stem}.py`, `${stem}.pyi`, `${stem}/__init__.py`];
      const found = forms.find((one) => paths.has(one) && one !== path);
      if (found) return found;
    }
    return undefined;
  }

  /** `owner`: the key of the innermost definition, `self`: of the class around it. */
  function readUses(outer: Node, owner: string, self: string | undefined): void {
    const node = inner(outer);
    if (/^import/.test(node.type)) return;
    if (/^(?:function|class)_definition$/.test(node.type)) {
      const name = node.childForFieldName('name')?.text ?? '';
      const prefix = owner === path ? '' : `${owner.slice(path.length + 1)}.`;
      const own = nodes.has(`${path}#${prefix}${name}`) ? `${path}#${prefix}${name}` : owner;
      const isClass = node.type === 'class_definition';
      for (const one of node.childForFieldName('superclasses')?.namedChildren ?? []) {
        const above = one ? meaning(one.text) : undefined;
        if (one && above) relate(own, above, 'extends', one);
      }
      for (const child of outer.namedChildren) {
        if (child && child.type === 'decorator') readUses(child, own, self);
      }
      const rest = node.namedChildren.filter(
        (one) => one && one.type !== 'identifier' && one.type !== 'argument_list',
      );
      for (const child of rest) if (child) readUses(child, own, isClass ? own : self);
      return;
    }
    if (node.type === 'call') {
      const callee = node.childForFieldName('function');
      const key = callee ? called(callee, self) : undefined;
      if (key) relate(owner, key, 'calls', node);
    } else if (node.type === 'type') {
      const key = meaning(node.text);
      if (key) relate(owner, key, 'uses_type', node);
    }
    for (const child of node.namedChildren) if (child) readUses(child, owner, self);
  }

  function called(callee: Node, self: string | undefined): string | undefined {
    if (callee.type === 'identifier') return meaning(callee.text);
    if (callee.type !== 'attribute') return undefined;
    const [object, member] = [
      callee.childForFieldName('object')?.text,
      callee.childForFieldName('attribute')?.text,
    ];
    if (!object || !member) return undefined;
    if ((object === 'self' || object === 'cls') && self) {
      return nodes.has(`${self}.${member}`) ? `${self}.${member}` : undefined;
    }
    const base = meaning(object);
    if (base === undefined) return undefined;
    if (!base.includes('#')) return `${base}#${member}`;
    return base.startsWith(`${path}#`) && !nodes.has(`${base}.${member}`) ? undefined : `${base}.${member}`;
  }

  function meaning(name: string): string | undefined {
    const known = names.get(name);
    if (known !== undefined) return known;
    const dot = name.lastIndexOf('.');
    const base = dot < 0 ? undefined : names.get(name.slice(0, dot));
    return base === undefined ? undefined : `${base}${base.includes('#') ? '.' : '#'}${name.slice(dot + 1)}`;
  }
}
