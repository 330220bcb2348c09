import { createRequire } from 'node:module';
import type { Parser, Tree } from 'web-tree-sitter';

let parser: Parser | undefined;
let loading: Promise<Parser> | undefined;

/** Loads the Python grammar (WebAssembly, once a process). */
export async function loadPython(): Promise<void> {
  loading ??= load();
  parser = await loading;
}

async function load(): Promise<Parser> {
  const { Language, Parser } = await import('web-tree-sitter');
  await Parser.init();
  const require = createRequire(import.meta.url);
  const made = new Parser();
  made.setLanguage(await Language.load(require.resolve('tree-sitter-python/tree-sitter-python.wasm')));
  return made;
}

/** Parses, when `loadPython` is done; the caller deletes the tree, for its memory is not the garbage collector's. */
export function parsePython(text: string): Tree | undefined {
  return parser?.parse(text) ?? undefined;
}
