import type { TypeChecker, TypedCallee } from '../types/type_checker.ts';
import type { Linker } from './exports.ts';
import type { FileFacts } from './file_facts.ts';
import { BUILT_IN, type CallMention } from './mentions.ts';
import type { GraphRelation, RelationKind, RelationProvenance } from './symbol.ts';

/** A declared type says what is called, but for what overrides it. */
const TYPED = 0.95;
const MAX_BY_NAME = 3;
const MAX_CALLEES = 6;

/**
 * What the symbols of a file have to do with each other and with what the file imports. Its own rows only. `types`:
 * asked for calls whose target nothing else shows.
 */
export function relationsOf(facts: FileFacts, link: Linker, types?: TypeChecker): GraphRelation[] {
  const { path, summary, imported } = facts;
  const rows = new Map<string, GraphRelation>();
  const add = (
    from: string,
    to: string | undefined,
    kind: RelationKind,
    provenance: RelationProvenance,
    confidence: number,
    { line, column }: { line: number; column: number },
  ): void => {
    if (to === undefined || (from === to && kind !== 'calls')) return;
    const key = `${kind} ${from} ${to}`;
    const known = rows.get(key);
    if (known) {
      known.sites += 1;
      if (confidence > known.confidence) Object.assign(known, { confidence, provenance });
      return;
    }
    rows.set(key, { from, to, kind, provenance, confidence, sites: 1, line, column });
  };

  for (const { from, to, line, column } of facts.contains)
    add(from, to, 'contains', 'syntax', 1, { line, column });
  const called = new Set<number>();
  const byName = new Map<string, string[]>();
  const outside = new Map<string, Target | undefined>();
  for (const call of facts.calls) addCalls(call);
  const meanings = new Map<string, string | undefined>();
  for (const use of facts.uses) {
    if (called.has(use.start)) continue;
    const { name, member, kind } = use;
    const asked = member === undefined ? name : `${name}.${member}`;
    let found = meanings.get(asked);
    if (found === undefined && !meanings.has(asked)) {
      found = meaning(name, member);
      meanings.set(asked, found);
    }
    const relation = kind === 'value' ? 'references' : kind === 'type' ? 'uses_type' : kind;
    add(use.from, found, relation, 'scope', 1, use);
  }
  return [...rows.values()].sort((a, b) => a.line - b.line || a.column - b.column);

  function meaning(name: string, member: string | undefined): string | undefined {
    const from = imported.get(name);
    const own = summary.keys.has(`${path}#${name}`) ? `${path}#${name}` : undefined;
    const key = own ?? (from ? link.name(from.path, from.name) : undefined);
    if (key === undefined) return undefined;
    const inner = member === undefined ? undefined : link.member(key, member);
    // of a whole file, what is not in it is nothing
    return inner ?? (key.includes('#') ? key : undefined);
  }

  function addCalls(site: CallMention): void {
    const { from } = site;
    const found: Target[] = [];
    for (const callee of site.callees) {
      if ('own' in callee) found.push({ key: callee.own, provenance: callee.direct ? 'scope' : 'flow' });
      else {
        const target = linked(callee.outside);
        if (target) found.push(target);
      }
    }
    // So many say nothing about any of them.
    if (found.length > MAX_CALLEES) return;
    for (const { key, provenance } of found) {
      const sure = provenance === 'scope' ? 1 : provenance === 'member' ? 0.9 : 0.95;
      add(from, key, 'calls', provenance, Math.round((100 * sure) / Math.max(1, found.length)) / 100, site);
    }
    if (found.length > 0 && site.name !== undefined) called.add(site.start);
    if (found.length > 0 || (types && addByType(site, types))) return;
    if (site.blind) addByName(site);
  }

  /** False: types do not tell either. */
  function addByType(site: CallMention, checker: TypeChecker): boolean {
    const callee = checker.callee(path, site.start, site.end);
    if (!callee) return false;
    const key = callee.in === 'repository' ? declared(callee) : undefined;
    add(site.from, key, 'calls', 'type', TYPED, site);
    return true;
  }

  /** The symbol of a declaration; of an overload the one it belongs to. */
  function declared({ path: file, offset, name }: TypedCallee & { in: 'repository' }): string | undefined {
    const around = link.at(file, offset)?.replace(/\.constructor$/, '');
    if (!around?.includes('#')) return undefined;
    const own = around.replace(/~\d+$/, '').split(/[.#]/).at(-1);
    return name === undefined || name === own ? around : link.member(around, name);
  }

  function linked(external: string): Target | undefined {
    if (!outside.has(external)) outside.set(external, lead(external));
    return outside.get(external);
  }

  /** A key as the flow knows it (`file#name.member`, before re-exports) to where it is defined. */
  function lead(external: string): Target | undefined {
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
  function addByName(site: CallMention): void {
    const name = site.name!;
    if (BUILT_IN.has(name)) return;
    let candidates = byName.get(name);
    if (!candidates) {
      candidates = candidatesFor(name);
      byName.set(name, candidates);
    }
    if (candidates.length === 0 || candidates.length > MAX_BY_NAME) return;
    const confidence = Math.round(50 / candidates.length) / 100;
    for (const key of candidates) add(site.from, key, 'calls', 'name', confidence, site);
  }

  function candidatesFor(name: string): string[] {
    const found = new Set<string>();
    for (const method of summary.methods) if (method.name === name) found.add(method.key);
    for (const file of new Set([...imported.values()].map((one) => one.path)))
      for (const key of link.methods(file, name)) found.add(key);
    return [...found];
  }
}

interface Target {
  key: string;
  provenance: RelationProvenance;
}
