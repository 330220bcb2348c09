import { parseSync, type ParseResult } from 'oxc-parser';
import type { ModuleEdgeKind } from '../edge.ts';
import { type SpecifierPattern, readSpecifier } from './specifier_pattern.ts';
import { syntaxRequests } from './syntax_requests.ts';

/** One place where a file names another. */
export interface ModuleRequest {
  kind: ModuleEdgeKind;
  /** As written, or the source text of a computed one. */
  specifier: string;
  /** Of a computed specifier: what is known of it. Several when a condition chooses. */
  patterns?: SpecifierPattern[];
  /** UTF-16 offset of the specifier. */
  start: number;
}

export interface ModuleSource {
  path: string;
  text: string;
}

/** The tree of the last file: trees are large, some 60 times their text. */
let last: { path: string; text: string; parsed: ParseResult } | undefined;

/**
 * Parses by file name; a script is tried as CommonJS and as JSX when the first reading fails. A file is cut into chunks and
 * read for the graph one after the other: its tree is made once, until `forgetModuleFile`.
 */
export function parseModuleFile({ path, text }: ModuleSource): ParseResult {
  if (last?.path === path && last.text === text) return last.parsed;
  const parsed = orScript({ path, text }, parseSync(path, text));
  last = { path, text, parsed };
  return parsed;
}

/** Lets go of a tree that was needed for the last time. */
export function forgetModuleFile(path: string): void {
  if (last?.path === path) last = undefined;
}

function orScript({ path, text }: ModuleSource, first: ParseResult): ParseResult {
  if (!/\.[cm]?js$/.test(path) || !hasErrors(first)) return first;
  for (const options of [
    { sourceType: 'commonjs', lang: 'jsx' },
    { sourceType: 'module', lang: 'jsx' },
  ] as const) {
    const again = parseSync(path, text, options);
    if (!hasErrors(again)) return again;
  }
  return first;
}

export function hasErrors(parsed: ParseResult): boolean {
  return parsed.errors.some((error) => error.severity === 'Error');
}

/**
 * Every module a file asks for, in order of the text. The parser's module record answers for `import` and `export`;
 * the tree, which costs three times as much to get, is looked at only where the text hints at what the record lacks:
 * `require`, `import('x').T` in types, `import x = require()`.
 */
export function moduleRequests(source: ModuleSource, parsed: ParseResult): ModuleRequest[] {
  const { text } = source;
  const record = parsed.module;
  const found: ModuleRequest[] = [];
  for (const one of record.staticImports) {
    const { value, start } = one.moduleRequest;
    const onlyTypes =
      (one.entries.length > 0 && one.entries.every((entry) => entry.isType)) ||
      (one.entries.length === 0 && /^import\s+type\b/.test(text.slice(one.start, one.start + 20)));
    found.push({ kind: onlyTypes ? 'type' : 'static', specifier: value, start });
  }
  for (const one of record.staticExports) {
    const entries = one.entries.filter((entry) => entry.moduleRequest);
    const request = entries[0]?.moduleRequest;
    if (request) {
      const kind = entries.every((entry) => entry.isType) ? 'type' : 'reexport';
      found.push({ kind, specifier: request.value, start: request.start });
    }
  }
  // `export {} from './x'` is in no record, and yet runs the file.
  for (const empty of text.matchAll(/^export\s*\{\s*\}\s*from\s*(["'])([^"'\n]+)\1/gm)) {
    const start = empty.index + empty[0].length - empty[2]!.length - 2;
    found.push({ kind: 'reexport', specifier: empty[2]!, start });
  }
  for (const one of record.dynamicImports) {
    found.push(dynamicRequest(text, one.moduleRequest.start, one.moduleRequest.end, 'dynamic'));
  }
  for (const [, path] of text.matchAll(/^\/\/\/\s*<reference\s+path\s*=\s*["']([^"']+)["']/gm)) {
    const start = text.indexOf(path!);
    found.push({ kind: 'type', specifier: /^\.{0,2}\//.test(path!) ? path! : `./${path}`, start });
  }
  // In a module `declare module 'x'` adds to x; in a script it declares one. Files with it are large: no tree for this.
  if (record.hasModuleSyntax) {
    for (const added of text.matchAll(/^[ \t]*declare\s+module\s*(["'])([^"'\n]+)\1/gm)) {
      const start = added.index + added[0].length - added[2]!.length - 2;
      const isComment = parsed.comments.some((one) => one.start <= start && start < one.end);
      if (!isComment) found.push({ kind: 'type', specifier: added[2]!, start });
    }
  }
  if (needsTree(text, record.dynamicImports.length)) found.push(...syntaxRequests(source, parsed));
  return found.sort((a, b) => a.start - b.start);
}

function needsTree(text: string, dynamicImports: number): boolean {
  if (/\brequire\s*\(/.test(text)) return true;
  const importCalls = text.match(/\bimport\s*\(/g)?.length ?? 0;
  return importCalls > dynamicImports;
}

/** `import(…)` or `require(…)`: a literal is itself, anything else what its static parts say. */
export function dynamicRequest(
  text: string,
  start: number,
  end: number,
  kind: 'dynamic' | 'require',
): ModuleRequest {
  const source = text.slice(start, end);
  const read = readSpecifier(source);
  if (read.literal !== undefined) return { kind, specifier: read.literal, start };
  return { kind: 'maybe', specifier: source, patterns: read.patterns, start };
}
