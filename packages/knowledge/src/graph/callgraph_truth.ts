import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { positions } from './modules/position.ts';
import { analyseProgram, type ProgramCalls } from './flow/program.ts';
import { loadProgram } from './flow/load_program.ts';
import type { RecordedCall } from './record/record_run.ts';

/**
 * A call graph as jelly writes it (github.com/cs-au-dk/jelly, `-j`, and its recorder of executions): places are
 * `file:line:column:line:column`, 1-based, the end exclusive, the file an index into `files`.
 */
interface JellyGraph {
  entries?: string[];
  files: string[];
  functions: Record<string, string>;
  calls: Record<string, string>;
  call2fun: Array<[number, number]>;
  fun2fun?: Array<[number, number]>;
  ignore?: string[];
}

export interface CallGraphScore {
  file: string;
  /** With a recorded trace: what was found or seen, and how much of it is in the truth. */
  merged?: { found: number; common: number };
  /** Edges from a call to a function: in the truth, found by us, and both. */
  truth: number;
  found: number;
  common: number;
  missing: string[];
  extra: string[];
  ms: number;
}

/** The call graphs (`*.json`) of a folder, each with its sources beside it. */
export function truthFiles(folder: string): string[] {
  const found: string[] = [];
  const visit = (at: string) => {
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      const path = join(at, entry.name);
      if (entry.isDirectory() && entry.name !== 'node_modules') visit(path);
      else if (entry.name.endsWith('.json') && readTruth(path)) found.push(path);
    }
  };
  visit(folder);
  return found.sort();
}

export function readTruth(file: string): JellyGraph | undefined {
  try {
    if (statSync(file).size > 50_000_000) return undefined;
    const value = JSON.parse(readFileSync(file, 'utf8')) as Partial<JellyGraph>;
    const isGraph =
      Array.isArray(value.files) && Array.isArray(value.call2fun) && value.calls && value.functions;
    return isGraph ? (value as JellyGraph) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Holds our static call graph against a recorded one. Ours counts only where the program could have run: calls in code
 * reached from the entries, in files the truth has. `seen`: calls that were recorded, to be scored with them. Undefined
 * when a source is missing.
 */
export function scoreCallGraph(file: string, seen?: readonly RecordedCall[]): CallGraphScore | undefined {
  const truth = readTruth(file)!;
  const folder = dirname(file);
  const started = performance.now();
  const entries = truth.entries && truth.entries.length > 0 ? truth.entries : truth.files;
  const program = loadProgram(folder, entries);
  const paths = new Set(program.map(({ path }) => path));
  if (!truth.files.every((one) => paths.has(one))) {
    for (const more of loadProgram(folder, truth.files)) {
      if (!paths.has(more.path)) program.push(more);
    }
  }
  if (!truth.files.some((one) => program.some(({ path }) => path === one))) return undefined;
  const calls = analyseProgram(program);
  const places = new Map(program.map(({ path, text }) => [path, positions(text)]));
  const inTruth = new Set(truth.files);
  const ignored = new Set((truth.ignore ?? []).map((one) => placed(one, truth.files).start));
  const texts = new Map(program.map(({ path, text }) => [path, text]));
  /** A call's place without parentheses around it or its callee: recorders differ in which they count. */
  const callPlace = (path: string, from: number, to: number): string => {
    const { start, end } = withoutParentheses(texts.get(path)!, from, to);
    const at = places.get(path)!;
    const [a, b] = [at(start), at(end)];
    return `${path}:${a.line}:${a.column}:${b.line}:${b.column}`;
  };
  const truthPlace = (text: string): string => {
    const [at = '', l1, c1, l2, c2] = text.split(':');
    const path = truth.files[Number(at)] ?? at;
    const source = texts.get(path);
    if (source === undefined) return text;
    return callPlace(
      path,
      offsetAt(source, Number(l1), Number(c1)),
      offsetAt(source, Number(l2), Number(c2)),
    );
  };
  const theirs = new Set<string>();
  for (const [call, fun] of truth.call2fun) {
    const to = placed(truth.functions[fun]!, truth.files);
    if (!ignored.has(to.start)) theirs.add(`${truthPlace(truth.calls[call]!)} -> ${to.start}`);
  }
  const ours = new Set<string>();
  for (const site of calls.sites) {
    if (site.kind === 'super' || site.kind === 'jsx' || !inTruth.has(site.file)) continue;
    if (!reached(calls, entries).has(site.caller.token.id)) continue;
    for (const id of site.callees) {
      const body = calls.bodies.get(id);
      if (!body || !inTruth.has(body.file)) continue;

      const target = places.get(body.file)!(body.start);
      const start = `${body.file}:${target.line}:${target.column}`;
      if (ignored.has(start)) continue;
      ours.add(`${callPlace(site.file, site.start, site.end)} -> ${start}`);
    }
  }
  const inBoth = (all: ReadonlySet<string>) => [...all].filter((one) => theirs.has(one)).length;
  const merged = new Set(ours);
  for (const { from, to } of seen ?? []) {
    const [call, callee] = [texts.get(from.file), texts.get(to.file)];
    if (
      call === undefined ||
      callee === undefined ||
      from.end_line === undefined ||
      to.end_line === undefined
    )
      continue;
    if (!inTruth.has(from.file) || !inTruth.has(to.file)) continue;
    const begin = offsetAt(call, from.line, from.column);
    if (call.startsWith('super', begin)) continue;
    const [start, end] = [
      offsetAt(callee, to.line, to.column),
      offsetAt(callee, to.end_line, to.end_column!),
    ];
    // a recorder has `static` in a method, the truth does not
    const body = [...calls.bodies.values()].find(
      (one) =>
        one.file === to.file &&
        one.end === end &&
        one.start >= start &&
        /^(?:static\s+)?$/.test(callee.slice(start, one.start)),
    );
    const target = places.get(to.file)!(body?.start ?? start);
    const site = callPlace(from.file, begin, offsetAt(call, from.end_line, from.end_column!));
    merged.add(`${site} -> ${to.file}:${target.line}:${target.column}`);
  }
  const common = inBoth(ours);
  return {
    file,
    ...(seen ? { merged: { found: merged.size, common: inBoth(merged) } } : {}),
    truth: theirs.size,
    found: ours.size,
    common,
    missing: [...theirs].filter((one) => !ours.has(one)),
    extra: [...ours].filter((one) => !theirs.has(one)),
    ms: Math.round(performance.now() - started),
  };
}

function offsetAt(text: string, line: number, column: number): number {
  let start = 0;
  for (let at = 1; at < line; at += 1) start = text.indexOf('\n', start) + 1;
  return start + column - 1;
}

function withoutParentheses(text: string, from: number, to: number): { start: number; end: number } {
  let [start, end] = [from, to];
  for (;;) {
    const blank = /^(?:\s|\/\*[\s\S]*?\*\/|\/\/.*)+/.exec(text.slice(start, end));
    if (blank) start += blank[0].length;
    const tail = /(?:\s|\/\*[^*]*\*\/)+$/.exec(text.slice(start, end));
    if (tail) end -= tail[0].length;
    if (text[start] !== '(') return { start, end };
    if (closing(text, start) === end - 1) end -= 1;
    start += 1;
  }
}

/** Offset of the parenthesis that closes the one at `open`. Strings with parentheses are not looked into. */
function closing(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at += 1) {
    if (text[at] === '(') depth += 1;
    else if (text[at] === ')') depth -= 1;
    if (depth === 0) return at;
  }
  return -1;
}

function placed(text: string, files: string[]): { whole: string; start: string } {
  const [at = '', l1 = '', c1 = '', l2 = '', c2 = ''] = text.split(':');
  const file = files[Number(at)] ?? at;
  return { whole: `${file}:${l1}:${c1}:${l2}:${c2}`, start: `${file}:${l1}:${c1}` };
}

const cache = new WeakMap<ProgramCalls, Set<number>>();

/** Bodies that run when the entries do: called, or handed to code that may call them. */
function reached(calls: ProgramCalls, entries: readonly string[]): Set<number> {
  const known = cache.get(calls);
  if (known) return known;
  const { run } = calls;
  const next = new Map<number, number[]>();
  const link = (from: number, to: number) => {
    const list = next.get(from);
    if (list) list.push(to);
    else next.set(from, [to]);
  };
  for (const site of calls.sites) for (const to of site.callees) link(site.caller.token.id, to);
  for (const [id, by] of run.handedOut) for (const from of by) link(from.token.id, id);
  // Getters, setters, iterators and field initialisers have no site: what their holder reaches, they do.
  for (const body of calls.bodies.values()) {
    if (body.outer && run.implicit.has(body.token.id)) link(body.outer.token.id, body.token.id);
  }
  const seen = new Set<number>();
  const queue = [...calls.modules.values()]
    .filter((one) => entries.length === 0 || !/node_modules/.test(one.file))
    .map((one) => one.token.id);
  for (const id of queue) {
    if (seen.has(id)) continue;
    seen.add(id);
    queue.push(...(next.get(id) ?? []));
  }
  cache.set(calls, seen);
  return seen;
}

/** Path of a truth file below the folder asked for. */
export function truthName(folder: string, file: string): string {
  return relative(folder, file).split(sep).join(posix.sep);
}
