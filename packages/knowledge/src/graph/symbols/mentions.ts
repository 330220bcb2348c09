import type { Node, ParseResult } from 'oxc-parser';
import type { Site } from '../flow/analysis.ts';
import { analyseProgram, type ProgramCalls } from '../flow/program.ts';
import { positions } from '../modules/position.ts';
import type { FileDefinitions } from './definitions.ts';
import type { ImportTargets } from './exports.ts';
import { nameUses, type NameUse } from './references.ts';

/** Where a file names something. `from` is the key of what it stands in. */
interface Mention {
  from: string;
  /** UTF-16 offset. */
  start: number;
  /** 1-based. */
  line: number;
  column: number;
}

export interface CallMention extends Mention {
  end: number;
  /** Of the member called, or of the function where nothing is known of it. */
  name?: string;
  /** What it may call: a key of this file, or one as the file knows it (`other.ts#name.member`), before re-exports. */
  callees: Array<{ own: string; direct: boolean } | { outside: string }>;
  /** Nothing is known of the object whose member is called. */
  blind: boolean;
}

export type UseMention = Mention & Pick<NameUse, 'name' | 'member' | 'kind'>;

/** What a file says of itself and others, by its own text alone: what it leads to, the summaries of other files tell. */
export interface Mentions {
  calls: CallMention[];
  uses: UseMention[];
}

export interface MentionInput {
  path: string;
  text: string;
  parsed: ParseResult;
  definitions: FileDefinitions;
  targets: ImportTargets;
  /** Local names of imports. */
  imported: ReadonlyMap<string, { path: string; name: string }>;
  /** Calls of which nothing is known are wanted too, for somebody knows more. */
  all: boolean;
}

export function mentionsOf(input: MentionInput): Mentions {
  const { path, text, parsed, definitions, imported, all } = input;
  const place = positions(text);
  const run = callsOf(input);
  const { solver } = run.run;
  const calls: CallMention[] = [];
  for (const site of run.sites) {
    const callees: CallMention['callees'] = [];
    for (const id of site.callees) {
      const body = run.bodies.get(id);
      if (body) {
        const own = definitions.code.get(body.start);
        if (own !== undefined) callees.push({ own, direct: isDirect(site, own) });
      } else callees.push({ outside: solver.tokens[id]!.name.replace(/^instance /, '') });
    }
    const blind = site.base !== 0 && site.name !== undefined && solver.isEmpty(site.base);
    if (callees.length === 0 && !all && (!blind || BUILT_IN.has(site.name!))) continue;
    const { start, end, name } = site;
    const from = definitions.at(start);
    calls.push({
      from,
      start,
      end,
      ...place(start),
      ...(name === undefined ? {} : { name }),
      callees,
      blind,
    });
  }
  const uses: UseMention[] = [];
  nameUses(parsed.program as Node & { body: Node[] }, ({ name, member, kind, start }) => {
    // a name of the platform
    if (!imported.has(name) && !definitions.byKey.has(`${path}#${name}`)) return;
    const from = definitions.at(start);
    uses.push({ name, ...(member === undefined ? {} : { member }), kind, from, start, ...place(start) });
  });
  return { calls, uses };
}

function isDirect(site: Site, key: string): boolean {
  return site.base === 0 && site.name !== undefined && key.endsWith(`#${site.name}`);
}

/** Methods that every program calls on values of the language; a name alone says nothing then. */
export const BUILT_IN = new Set(
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

function callsOf({ path, text, parsed, definitions, targets, imported }: MentionInput): ProgramCalls {
  const typeNames = new Map<string, string>();
  for (const { node, top } of definitions.definitions)
    if (top && node.kind === 'interface') typeNames.set(top, node.key);
  for (const [name, from] of imported)
    if (from.name !== '*') typeNames.set(name, `${from.path}#${from.name}`);
  const imports = new Map([...targets].map(([start, to]) => [start, [to]]));
  const isModule = parsed.module.hasModuleSyntax;
  return analyseProgram([{ path, text, program: parsed.program, isModule, imports }], { typeNames });
}
