import { readFile, stat } from 'node:fs/promises';
import { isAbsolute, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import type { SymbolGraph } from '../symbol_graph.ts';
import { coverageCalls } from './coverage.ts';
import { profileCalls } from './cpu_profile.ts';
import { symbolsByPlace } from './place.ts';

/** Calls seen, by key. */
export interface SeenCall {
  from: string;
  to: string;
  count: number;
}

export interface Trace {
  kind: 'cpuprofile' | 'coverage' | 'call-trace';
  calls: SeenCall[];
  /** Frames, functions or lines that stand for nothing in the repository (the platform, packages, generated code). */
  unknown: number;
  /** When it was recorded: the file's own time. ISO 8601. */
  observedAt: string;
}

/** A place in code as a recorder knows it. Lines 1-based. */
export interface Frame {
  /** URL or path. */
  url: string;
  name: string;
  line: number;
  /** 1-based, in UTF-16 units, where the recorder knows the place to the column: then it decides alone. */
  column?: number | undefined;
}

/** Turns a place into the key of the symbol there; undefined outside the repository. */
export type Locate = (frame: Frame) => string | undefined;

const MAX_TRACE_BYTES = 500_000_000;

/**
 * Reads a trace: a V8 `.cpuprofile`, coverage (V8's JSON or Istanbul's), or COGO's call trace, a JSON line a call:
 * `{"from": KEY | {file, line, column?, name?}, "to": …, "count"?: n}`, `from` the place of the call or its function, `to`
 * where the called function begins. Errors: `not_found`, `payload_too_large`, `bad_request`.
 */
export async function readTrace(file: string, root: string, graph: SymbolGraph): Promise<Result<Trace>> {
  let text: string;
  let observedAt: string;
  try {
    const found = await stat(file);
    if (found.size > MAX_TRACE_BYTES) return failure('payload_too_large', `${file} has more than 500 MB.`);
    observedAt = found.mtime.toISOString();
    text = await readFile(file, 'utf8');
  } catch (error) {
    return failure(
      'not_found',
      `${file} cannot be read (${(error as { code?: string }).code ?? 'unknown'}).`,
    );
  }
  const locate = locator(root, graph);
  try {
    if (/\.jsonl$/i.test(file))
      return ok({ kind: 'call-trace', observedAt, ...traceCalls(text, locate, graph) });
    const value: unknown = JSON.parse(text);
    const profile = profileCalls(value, locate);
    if (profile) return ok({ kind: 'cpuprofile', observedAt, ...profile });
    const coverage = coverageCalls(value, locate, graph);
    if (coverage) return ok({ kind: 'coverage', observedAt, ...coverage });
    return failure('bad_request', `${file} is neither a V8 profile nor a coverage report of V8 or Istanbul.`);
  } catch (error) {
    return failure(
      'bad_request',
      `${file} is not a trace: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function traceCalls(text: string, locate: Locate, graph: SymbolGraph): Pick<Trace, 'calls' | 'unknown'> {
  const sums = new Map<string, SeenCall>();
  let unknown = 0;
  // A nameless function within `f` that `f` calls is `f` calling itself, as places go; only the sources tell.
  const recursive = new Set(
    graph.edges.flatMap((one) => (one.kind === 'calls' && one.from === one.to ? [one.from] : [])),
  );
  const keyOf = (end: unknown): string | undefined => {
    if (typeof end === 'string') return graph.nodes.has(end) ? end : undefined;
    const { file, line, column, name } = (end ?? {}) as Partial<Frame> & { file?: string };
    return file === undefined ? undefined : locate({ url: file, line: line ?? 0, column, name: name ?? '' });
  };
  for (const [at, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    let row: { from?: unknown; to?: unknown; count?: unknown };
    try {
      row = JSON.parse(line);
    } catch {
      throw new Error(`line ${at + 1} is not JSON`);
    }
    const [from, to] = [keyOf(row.from), keyOf(row.to)];
    const count = typeof row.count === 'number' && row.count > 0 ? row.count : 1;
    if (from === undefined || to === undefined) unknown += 1;
    else if (from !== to || recursive.has(from)) add(sums, from, to, count);
  }
  return { calls: [...sums.values()], unknown };
}

export function add(sums: Map<string, SeenCall>, from: string, to: string, count: number): void {
  const key = `${from} ${to}`;
  const known = sums.get(key);
  if (known) known.count += count;
  else sums.set(key, { from, to, count });
}

/**
 * The innermost symbol at a place. Transpiled code has other lines than its source, so a name that one symbol of the
 * file has beats the line.
 */
function locator(root: string, graph: SymbolGraph): Locate {
  const byFile = new Map<string, Array<{ key: string; name: string; start: number; end: number }>>();
  for (const { key, name, kind, start_line, end_line } of graph.nodes.values()) {
    if (kind === 'module' || !/^(?:function|method|class|variable)$/.test(kind)) continue;
    const path = key.split('#', 1)[0]!;
    const list = byFile.get(path) ?? [];
    list.push({ key, name, start: start_line, end: end_line });
    byFile.set(path, list);
  }
  const innermost = symbolsByPlace(graph);
  return ({ url, name, line, column }) => {
    const path = repoPath(root, url);
    if (path === undefined || !graph.nodes.has(path)) return undefined;
    if (column !== undefined) return innermost(path, line, column, line, column);
    const plain = name
      .replace(/^(?:async |get |set |static )+/, '')
      .split('.')
      .at(-1)!;
    const all = byFile.get(path) ?? [];
    const around = all
      .filter((one) => one.start <= line && line <= one.end)
      .sort((a, b) => a.end - a.start - (b.end - b.start));
    const named = all.filter((one) => plain !== '' && one.name === plain);
    return (
      around.find((one) => one.name === plain)?.key ??
      (named.length === 1 ? named[0]!.key : undefined) ??
      (plain === '' || plain === '(anonymous)' ? around[0]?.key : undefined) ??
      path
    );
  };
}

function repoPath(root: string, url: string): string | undefined {
  if (url === '' || /^(?:node|native|wasm|evalmachine|https?):/.test(url)) return undefined;
  let path = url.replace(/[?#].*$/, '');
  try {
    if (path.startsWith('file:')) path = fileURLToPath(path);
  } catch {
    return undefined;
  }
  const inside = isAbsolute(path) ? relative(root, path) : path.replace(/^\.\//, '');
  if (inside.startsWith('..') || isAbsolute(inside) || inside.includes('node_modules')) return undefined;
  return inside.split(sep).join('/');
}
