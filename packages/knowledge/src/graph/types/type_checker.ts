import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative, sep } from 'node:path';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { CODE_FILE, readCode } from '../modules/module_graph.ts';
import { moduleResolver } from '../modules/resolver.ts';
import type { Compiler, CompilerNode, TypeProgram } from './compiler.ts';

/** Where the type checker says a call leads. */
export type TypedCallee =
  /** A declaration in the repository; `offset` is in it. `name`: what it declares, where it has a name of its own. */
  | { in: 'repository'; path: string; offset: number; name: string | undefined }
  /** The language's own library: certainly none of the repository's functions. */
  | { in: 'library' };

export interface TypeChecker {
  /** TypeScript's version. */
  version: string;
  /** What is called by the call that spans these offsets; undefined when types do not tell, or the budget is used up. */
  callee(path: string, start: number, end: number): TypedCallee | undefined;
  /** Questions answered, and how long that took with the making of the program. */
  stats(): { asked: number; told: number; ms: number };
}

export interface TypeBudget {
  /** For the program and all questions together. Milliseconds. */
  ms?: number;
  /** Code files; of a larger repository types are not looked at. */
  files?: number;
  /** Heap in use, above which no more is asked. Bytes. */
  heap?: number;
}

const DEFAULTS = { ms: 60_000, files: 4_000, heap: 1_500_000_000 };

/**
 * The type checker of the project's own TypeScript (5 or 6; 7 has no such interface), for calls whose target the sources
 * do not show. Loading it runs code of the repository's node_modules, so only who asks for types gets it. Imports lead
 * where our resolver says; installed packages are not read, for what they declare is none of the repository's.
 * Errors: `not_configured` (no TypeScript, or one without the interface), `payload_too_large`.
 */
export function typeChecker(
  root: string,
  paths: readonly string[],
  budget: TypeBudget = {},
): Result<TypeChecker> {
  const limit = { ...DEFAULTS, ...budget };
  const code = paths.filter((path) => CODE_FILE.test(path));
  if (code.length > limit.files)
    return failure(
      'payload_too_large',
      `${code.length} code files are more than types are read of (${limit.files}).`,
    );
  const compiler = compilerOf(root);
  if (!compiler.ok) return compiler;
  const ts = compiler.value;
  let program: TypeProgram | undefined;
  let spent = 0;
  let asked = 0;
  let told = 0;
  return ok({ version: ts.version, callee, stats: () => ({ asked, told, ms: Math.round(spent) }) });

  function callee(path: string, start: number, end: number): TypedCallee | undefined {
    if (spent > limit.ms || process.memoryUsage().heapUsed > limit.heap) return undefined;
    const started = performance.now();
    try {
      program ??= programOf(ts, root, code);
      asked += 1;
      const found = ask(program, path, start, end);
      if (found) told += 1;
      return found;
    } catch {
      return undefined; // the checker gives up on some broken sources
    } finally {
      spent += performance.now() - started;
    }
  }

  function ask(made: TypeProgram, path: string, start: number, end: number): TypedCallee | undefined {
    const source = made.getSourceFile(join(root, path));
    const call = source && callAt(ts, source, start, end);
    if (!call) return undefined;
    const declaration = made.getTypeChecker().getResolvedSignature(call)?.declaration;
    const file = declaration?.getSourceFile();
    if (!declaration || !file) return undefined;
    if (made.isSourceFileDefaultLibrary(file)) return { in: 'library' };
    const inside = relative(root, file.fileName).split(sep).join('/').normalize('NFC');
    if (inside.startsWith('../') || inside.includes('node_modules/')) return { in: 'library' };
    // where a function type is written, nothing runs
    if (isTypeOnly(ts, declaration)) return undefined;
    const { name } = declaration;
    return { in: 'repository', path: inside, offset: (name ?? declaration).getStart(file), name: name?.text };
  }
}

function compilerOf(root: string): Result<Compiler> {
  try {
    const ts = createRequire(join(root, 'package.json'))('typescript') as Partial<Compiler>;
    if (typeof ts.createProgram === 'function') return ok(ts as Compiler);
    return failure(
      'not_configured',
      `The project's TypeScript ${ts.version ?? ''} has no checker to ask; 5 and 6 have.`,
    );
  } catch {
    return failure('not_configured', 'The project has no TypeScript installed; types are left out.');
  }
}

function programOf(ts: Compiler, root: string, code: readonly string[]): TypeProgram {
  const options = {
    allowJs: true,
    checkJs: false,
    noEmit: true,
    skipLibCheck: true,
    strict: true,
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    jsx: ts.JsxEmit.Preserve,
    maxNodeModuleJsDepth: 0,
    types: [],
  };
  const resolver = moduleResolver(root, code);
  const host = ts.createCompilerHost(options, true);
  host.readFile = (name: string) => {
    const read = existsSync(name) ? readCode(name) : undefined;
    return read && 'text' in read ? read.text : undefined;
  };
  host.resolveModuleNameLiterals = (literals: readonly CompilerNode[], containing: string) =>
    literals.map(({ text = '' }) => {
      const found = resolver.resolve(containing, text, 'static');
      if (found.to !== 'file' || !CODE_FILE.test(found.path)) return { resolvedModule: undefined };
      const extension = /(?:\.d)?\.[cm]?[jt]sx?$/.exec(found.path)![0];
      return { resolvedModule: { resolvedFileName: found.path, extension, isExternalLibraryImport: false } };
    });
  return ts.createProgram({ rootNames: code.map((path) => join(root, path)), options, host });
}

function isTypeOnly(ts: Compiler, declaration: CompilerNode): boolean {
  return (
    ts.isFunctionTypeNode(declaration) ||
    ts.isConstructorTypeNode(declaration) ||
    ts.isCallSignatureDeclaration(declaration) ||
    ts.isConstructSignatureDeclaration(declaration)
  );
}

/** The call or `new` that spans these offsets, parentheses around it aside. */
function callAt(ts: Compiler, source: CompilerNode, start: number, end: number): CompilerNode | undefined {
  let found: CompilerNode | undefined;
  const visit = (node: CompilerNode): void => {
    if (node.pos > start || node.end < end) return;
    const isCall = ts.isCallExpression(node) || ts.isNewExpression(node);
    if (isCall && node.getStart(source) === start && node.end === end) found = node;
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}
