import type { Node, ParseResult } from 'oxc-parser';
import { type FileDefinitions, innermost } from './definitions.ts';

/** What a file gives to those who import it: plain data, so that another thread can have read it. */
export interface FileSummary {
  path: string;
  /** Keys of all it defines, its own first. */
  keys: ReadonlySet<string>;
  /** Where each of them begins and ends, in the same order: UTF-16 offsets in pairs. */
  spans: Int32Array;
  methods: ReadonlyArray<{ name: string; key: string; parent: string }>;
  /** Of each exported name its key here, or the name in another file. */
  names: Map<string, { key: string } | { path: string; name: string }>;
  /** Files all of whose names it passes on. */
  stars: string[];
  /** Of a class or interface, what it extends: a key, or a name of another file. */
  parents: Map<string, Array<{ key: string } | { path: string; name: string }>>;
}

/** Files that the specifiers of a file lead to, by the specifier's offset. */
export type ImportTargets = ReadonlyMap<number, string>;

export function summarise(
  parsed: ParseResult,
  definitions: FileDefinitions,
  targets: ImportTargets,
  imported: ReadonlyMap<string, { path: string; name: string }>,
): FileSummary {
  const { path } = definitions;
  const all = definitions.definitions;
  const summary: FileSummary = {
    path,
    keys: new Set(all.map(({ node }) => node.key)),
    spans: Int32Array.from(all.flatMap(({ start, end }) => [start, end])),
    methods: all.flatMap(({ node: { kind, name, key }, parent }) =>
      kind === 'method' ? [{ name, key, parent }] : [],
    ),
    names: new Map(),
    stars: [],
    parents: new Map(),
  };
  const meaning = (name: string): { key: string } | { path: string; name: string } | undefined => {
    if (definitions.byKey.has(`${path}#${name}`)) return { key: `${path}#${name}` };
    return imported.get(name);
  };
  for (const statement of parsed.module.staticExports) {
    for (const entry of statement.entries) {
      const target = entry.moduleRequest ? targets.get(entry.moduleRequest.start) : undefined;
      const exported = entry.exportName.kind === 'Default' ? 'default' : entry.exportName.name;
      if (entry.moduleRequest) {
        if (target === undefined) continue;
        const wanted = entry.importName.kind === 'Name' ? entry.importName.name : undefined;
        if (exported && wanted) summary.names.set(exported, { path: target, name: wanted });
        else if (exported) summary.names.set(exported, { path: target, name: '*' });
        else summary.stars.push(target);
        continue;
      }
      if (!exported) continue;
      const local = entry.localName.name ?? 'default';
      const found = meaning(local) ?? meaning('default');
      if (found) summary.names.set(exported, found);
    }
  }
  if (!parsed.module.hasModuleSyntax) {
    for (const { node, top } of all) if (top) summary.names.set(top, { key: node.key });
  }
  for (const statement of parsed.program.body as Node[]) noteParents(statement);
  return summary;

  function noteParents(outer: Node): void {
    const isExport = outer.type === 'ExportNamedDeclaration' || outer.type === 'ExportDefaultDeclaration';
    const node = isExport && outer.declaration ? (outer.declaration as Node) : outer;
    if (node.type === 'ClassDeclaration' && node.superClass?.type === 'Identifier') {
      const found = meaning(node.superClass.name);
      if (found) summary.parents.set(`${path}#${node.id?.name ?? 'default'}`, [found]);
    } else if (node.type === 'TSInterfaceDeclaration') {
      const above = node.extends.flatMap((one) =>
        one.expression.type === 'Identifier' ? (meaning(one.expression.name) ?? []) : [],
      );
      if (above.length > 0) summary.parents.set(`${path}#${node.id.name}`, above);
    }
  }
}

/** Local names of imports with what they mean in the file they come from; `*` is the whole of it. */
export function importedNames(
  parsed: ParseResult,
  targets: ImportTargets,
): Map<string, { path: string; name: string }> {
  const found = new Map<string, { path: string; name: string }>();
  for (const statement of parsed.module.staticImports) {
    const target = targets.get(statement.moduleRequest.start);
    if (target === undefined) continue;
    for (const { importName, localName } of statement.entries) {
      const name =
        importName.kind === 'Name' ? importName.name! : importName.kind === 'Default' ? 'default' : '*';
      found.set(localName.value, { path: target, name });
    }
  }
  for (const node of parsed.program.body as Node[]) requireNames(node, targets, found);
  return found;
}

/** `const { a, b: c } = require('./x')` and `const x = require('./x')`, `.a` included. */
function requireNames(
  node: Node,
  targets: ImportTargets,
  found: Map<string, { path: string; name: string }>,
): void {
  if (
    node.type === 'TSImportEqualsDeclaration' &&
    node.moduleReference.type === 'TSExternalModuleReference'
  ) {
    const target = targets.get(node.moduleReference.expression.start);
    if (target !== undefined) found.set(node.id.name, { path: target, name: '*' });
  }
  if (node.type !== 'VariableDeclaration') return;
  for (const { id, init } of node.declarations) {
    const member =
      init?.type === 'MemberExpression' && init.property.type === 'Identifier'
        ? init.property.name
        : undefined;
    const call = init?.type === 'MemberExpression' ? init.object : init;
    if (
      call?.type !== 'CallExpression' ||
      call.callee.type !== 'Identifier' ||
      call.callee.name !== 'require'
    )
      continue;
    const target = call.arguments[0] ? targets.get(call.arguments[0].start) : undefined;
    if (target === undefined) continue;
    if (id.type === 'Identifier') found.set(id.name, { path: target, name: member ?? '*' });
    else if (id.type === 'ObjectPattern' && !member) {
      for (const one of id.properties) {
        if (one.type === 'Property' && one.key.type === 'Identifier' && one.value.type === 'Identifier') {
          found.set(one.value.name, { path: target, name: one.key.name });
        }
      }
    }
  }
}

const MAX_EXPORTED = 300;

export interface Linker {
  name(path: string, name: string): string | undefined;
  member(key: string, member: string): string | undefined;
  /** Methods of a name on what a file gives out. */
  methods(path: string, name: string): readonly string[];
  /** The innermost definition at an offset of a file. */
  at(path: string, offset: number): string | undefined;
  /** Files that were looked at since the last call of this, whether they are there or not. */
  consulted(): ReadonlySet<string>;
}

/** Finds the definition a name of a file means, through re-exports. `read` reads a file; what it throws goes to who asked. */
export function linker(read: (path: string) => FileSummary | undefined): Linker {
  const byFile = new Map<string, { names: Map<string, string[]>; from: ReadonlySet<string> }>();
  let looked = new Set<string>();
  return { name: findName, member: findMember, methods, at, consulted };

  function consulted(): ReadonlySet<string> {
    const all = looked;
    looked = new Set();
    return all;
  }

  function at(path: string, offset: number): string | undefined {
    const summary = summaryOf(path);
    return summary && [...summary.keys][innermost(summary.spans)(offset)];
  }

  function summaryOf(path: string): FileSummary | undefined {
    looked.add(path);
    return read(path);
  }

  function methods(path: string, name: string): readonly string[] {
    let known = byFile.get(path);
    if (!known) {
      const before = consulted();
      known = { names: methodsOf(path), from: consulted() };
      looked = new Set(before);
      byFile.set(path, known);
    }
    for (const one of known.from) looked.add(one);
    return known.names.get(name) ?? [];
  }

  function methodsOf(path: string): Map<string, string[]> {
    const found = new Map<string, string[]>();
    const keys = exported(path);
    for (const file of new Set([...keys].map((key) => key.split('#', 1)[0]!))) {
      for (const { name, key, parent } of summaryOf(file)?.methods ?? []) {
        if (!keys.has(parent)) continue;
        const others = found.get(name);
        if (others) others.push(key);
        else found.set(name, [key]);
      }
    }
    return found;
  }

  function exported(path: string, found = new Set<string>(), seen = new Set<string>()): Set<string> {
    const summary = seen.has(path) || found.size > MAX_EXPORTED ? undefined : summaryOf(path);
    seen.add(path);
    if (!summary) return found;
    for (const name of summary.names.keys()) {
      const key = findName(path, name);
      if (key !== undefined) found.add(key);
    }
    for (const star of summary.stars) exported(star, found, seen);
    return found;
  }

  function findName(path: string, name: string, seen = new Set<string>()): string | undefined {
    if (name === '*') return path;
    const mark = `${path}#${name}`;
    if (seen.has(mark) || seen.size > 50) return undefined;
    seen.add(mark);
    const summary = summaryOf(path);
    if (!summary) return undefined;
    const found = summary.names.get(name);
    if (found) return 'key' in found ? found.key : findName(found.path, found.name, seen);
    if (name === 'default') return undefined;
    for (const star of summary.stars) {
      const through = findName(star, name, seen);
      if (through !== undefined) return through;
    }
    return undefined;
  }

  /** A member by its name: of a file's exports, of an object, of a class or what is above it. */
  function findMember(key: string, member: string, depth = 0): string | undefined {
    const hash = key.indexOf('#');
    if (hash < 0) return findName(key, member);
    const summary = summaryOf(key.slice(0, hash));
    if (!summary || depth > 10) return undefined;
    if (summary.keys.has(`${key}.${member}`)) return `${key}.${member}`;
    for (const above of summary.parents.get(key) ?? []) {
      const parent = 'key' in above ? above.key : findName(above.path, above.name);
      const found = parent === undefined ? undefined : findMember(parent, member, depth + 1);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}
