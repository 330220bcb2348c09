import type { Node, ParseResult } from 'oxc-parser';
import { analyseProgram, type ProgramCalls } from '../flow/program.ts';
import type { Site } from '../flow/analysis.ts';
import { positions } from '../modules/position.ts';
import type { FileDefinitions } from './definitions.ts';
import { importedNames, type ImportTargets } from './exports.ts';
import type { Linker } from './exports.ts';
import type { TypeChecker, TypedCallee } from '../types/type_checker.ts';
import { nameUses } from './references.ts';
import type { GraphRelation, RelationKind, RelationProvenance } from './symbol.ts';

export interface RelationInput {
  path: string;
  text: string;
  parsed: ParseResult;
  definitions: FileDefinitions;
  targets: ImportTargets;
  link: Linker;
  /** Asked for calls whose target nothing else shows. */
  types?: TypeChecker | undefined;
}

/** What the symbols of a file have to do with each other and with what the file imports. Its own rows only. */
export function relationsOf(input: RelationInput): GraphRelation[] {
  const { path, text, parsed, definitions, targets, link, types } = input;
  const place = positions(text);
  const rows = new Map<string, GraphRelation>();
  const add = (
    from: string,
    to: string | undefined,
    kind: RelationKind,
    provenance: RelationProvenance,
    confidence: number,
    offset: number,
  ): void => {
    if (to === undefined || (from === to && kind !== 'calls')) return;
    const key = `${kind} ${from} ${to}`;
    const known = rows.get(key);
    if (known) {
      known.sites += 1;
      if (confidence > known.confidence) Object.assign(known, { confidence, provenance });
      return;
    }
    const { line, column } = place(offset);
    rows.set(key, { from, to, kind, provenance, confidence, sites: 1, line, column });
  };

  for (const { node, parent, start } of definitions.definitions) {
    if (parent !== '') add(parent, node.key, 'contains', 'syntax', 1, start);
  }
  const imported = importedNames(parsed, targets);
  const meaning = (name: string, member?: string): { key: string; exact: boolean } | undefined => {
    const own = definitions.byKey.has(`${path}#${name}`) ? `${path}#${name}` : undefined;
    const from = imported.get(name);
    const key = own ?? (from ? link.name(from.path, from.name) : undefined);
    if (key === undefined) return undefined;
    const inner = member === undefined ? undefined : link.member(key, member);
    if (inner !== undefined) return { key: inner, exact: true };
    // of a whole file, what is not in it is nothing
    return key.includes('#') ? { key, exact: member === undefined } : undefined;
  };
  const calls = callsOf(input, imported);
  const called = new Set<number>();
  for (const site of calls.sites) addCalls(site);
  nameUses(parsed.program as Node & { body: Node[] }, ({ name, member, kind, start }) => {
    if (called.has(start)) return;
    const found = meaning(name, member);
    if (!found) return;
    const relation = kind === 'value' ? 'references' : kind === 'type' ? 'uses_type' : kind;
    add(definitions.at(start), found.key, relation, 'scope', 1, start);
  });
  return [...rows.values()].sort((a, b) => a.line - b.line || a.column - b.column);

  function addCalls(site: Site): void {
    const from = definitions.at(site.start);
    const found: Array<{ key: string; provenance: RelationProvenance }> = [];
    for (const id of site.callees) {
      const body = calls.bodies.get(id);
      if (body) {
        const key = definitions.code.get(body.start);
        if (key !== undefined) found.push({ key, provenance: isDirect(site, key) ? 'scope' : 'flow' });
        continue;
      }
      const external = calls.run.solver.tokens[id]!.name.replace(/^instance /, '');
      const key = linked(external);
      if (key) found.push(key);
    }
    // So many say nothing about any of them.
    if (found.length > MAX_CALLEES) return;
    for (const { key, provenance } of found) {
      const sure = provenance === 'scope' ? 1 : provenance === 'member' ? 0.9 : 0.95;
      add(
        from,
        key,
        'calls',
        provenance,
        Math.round((100 * sure) / Math.max(1, found.length)) / 100,
        site.start,
      );
    }
    if (found.length > 0 && site.name !== undefined) called.add(site.start);
    if (found.length > 0 || (types && addByType(site, from, types))) return;
    if (site.base !== 0 && site.name !== undefined && calls.run.solver.isEmpty(site.base))
      addByName(site, from);
  }

  /** False: types do not tell either. */
  function addByType(site: Site, from: string, checker: TypeChecker): boolean {
    const callee = checker.callee(path, site.start, site.end);
    if (!callee) return false;
    const key = callee.in === 'repository' ? declared(callee) : undefined;
    add(from, key, 'calls', 'type', TYPED, site.start);
    return true;
  }

  /** The symbol of a declaration; of an overload the one it belongs to. */
  function declared({ path: file, offset, name }: TypedCallee & { in: 'repository' }): string | undefined {
    const around = link.at(file, offset)?.replace(/\.constructor$/, '');
    if (!around?.includes('#')) return undefined;
    const own = around.replace(/~\d+$/, '').split(/[.#]/).at(-1);
    return name === undefined || name === own ? around : link.member(around, name);
  }

  function isDirect(site: Site, key: string): boolean {
    return site.base === 0 && site.name !== undefined && key.endsWith(`#${site.name}`);
  }

  /** A key as the flow knows it (`file#name.member`, before re-exports) to where it is defined. */
  function linked(external: string): { key: string; provenance: RelationProvenance } | undefined {
    const hash = external.indexOf('#');
    if (hash < 0) {
      const key = link.name(external, 'default');
      return key === undefined ? undefined : { key, provenance: 'scope' };
    }
    const [name = '', member] = external.slice(hash + 1).split('.');
    const at = external.slice(0, hash);
    const key = at === path ? `${path}#${name}` : link.name(at, name);
    if (key === undefined) return undefined;
    if (member === undefined) return { key, provenance: 'scope' };
    const inner = link.member(key, member);
    return inner === undefined ? undefined : { key: inner, provenance: 'member' };
  }

  /** Nothing is known of the object: members of that name among what the file defines and imports. */
  function addByName(site: Site, from: string): void {
    const name = site.name!;
    if (BUILT_IN.has(name)) return;
    const candidates = new Set<string>();
    for (const { node } of definitions.definitions) {
      if (node.kind === 'method' && node.name === name) candidates.add(node.key);
    }
    for (const file of new Set([...imported.values()].map((one) => one.path))) {
      for (const key of link.methods(file, name)) candidates.add(key);
    }
    if (candidates.size === 0 || candidates.size > MAX_BY_NAME) return;
    const confidence = Math.round(50 / candidates.size) / 100;
    for (const key of candidates) add(from, key, 'calls', 'name', confidence, site.start);
  }
}

/** A declared type says what is called, but for what overrides it. */
const TYPED = 0.95;
const MAX_BY_NAME = 3;
const MAX_CALLEES = 6;

/** Methods that every program calls on values of the language; a name alone says nothing then. */
const BUILT_IN = new Set(
  [
    Array,
    String,
    Map,
    Set,
    Promise,
    Object,
    Function,
    RegExp,
    Number,
    Date,
    Uint8Array,
    Response,
    Request,
    Headers,
    URL,
    URLSearchParams,
  ]
    .flatMap((one) => Object.getOwnPropertyNames(one.prototype))
    .concat(
      Object.getOwnPropertyNames(console),
      'on',
      'once',
      'emit',
      'end',
      'close',
      'read',
      'parse',
      'stringify',
    ),
);

function callsOf(
  input: RelationInput,
  imported: ReadonlyMap<string, { path: string; name: string }>,
): ProgramCalls {
  const { path, text, parsed, definitions, targets } = input;
  const typeNames = new Map<string, string>();
  for (const { node, top } of definitions.definitions)
    if (top && node.kind === 'interface') typeNames.set(top, node.key);
  for (const [name, from] of imported)
    if (from.name !== '*') typeNames.set(name, `${from.path}#${from.name}`);
  const imports = new Map([...targets].map(([start, to]) => [start, [to]]));
  const isModule = parsed.module.hasModuleSyntax;
  return analyseProgram([{ path, text, program: parsed.program, isModule, imports }], { typeNames });
}
