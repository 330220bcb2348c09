// What a text in a language without a parser defines, and which of its lines are comments: by how lines of most
// programming languages begin. Prose has neither, so it passes unchanged.
import type { RawChunk } from './chunk.ts';

const MAX_NAMES = 20;
/** A longer line is data, not a definition. Also bounds what the expressions below may cost. */
const MAX_LINE = 240;

const KEYWORD =
  /^\s*(?:(?:export|default|public|private|protected|internal|static|final|abstract|async|override|virtual|inline|pub(?:\([a-z]+\))?|unsafe|open|suspend|const|sealed|data|partial|extern)\s+)*(?:def|fn|func|function|fun|class|struct|interface|trait|enum|impl(?:<[^>]*>)?|type|namespace|object|protocol|record|union|sub|procedure)\s+(?:\([^)]*\)\s*)?([A-Za-z_$][\w$]*)\s*(.*)$/;
/** `int Writer::open(const char *name) {`: a type, a name, parameters, and a block that opens on this line or the next. */
const TYPED =
  /^\s*([A-Za-z_][^(){};=]*[\s&*>])(?:[A-Za-z_]\w*::)?~?([A-Za-z_]\w*)\s*\([^;{}=]*\)[^;{}()=]*(\{?)\s*$/;
const STATEMENT =
  /^(?:if|for|while|switch|return|catch|else|new|throw|sizeof|await|yield|in|not|and|or|import|from|using|elif|except|with|assert|delete|case|goto|do|try)\b/;
/** What follows the name of a definition; after a word of prose comes the next word. */
const AFTER_NAME =
  /^(?:$|[({[<:=;|,]|extends\b|implements\b|for\s+[A-Z]|where\b|struct\b|interface\b|func\b|\/\/|#)/;

/** A document that quotes code is still a document. */
const FENCE = /^\s*(?:```|~~~)/m;

/** The chunk with the names its lines define and its comment lines marked. */
export function withOutline(chunk: RawChunk): RawChunk {
  if (FENCE.test(chunk.text)) return chunk;
  const lines = chunk.text.split('\n');
  const names = definedNames(lines);
  const comments = commentLines(lines);
  return {
    ...chunk,
    names: [...new Set([...names, ...chunk.names])],
    ...(comments.length > 0 ? { comments } : {}),
  };
}

/** Names in the order they are defined, at most 20. */
export function definedNames(lines: readonly string[]): string[] {
  const names = new Set<string>();
  for (const [at, line] of lines.entries()) {
    if (line.length > MAX_LINE || names.size >= MAX_NAMES) continue;
    const [, name, after] = KEYWORD.exec(line) ?? [];
    if (name !== undefined && AFTER_NAME.test(after!)) {
      names.add(name);
      continue;
    }
    if (!line.includes('(') || STATEMENT.test(line.trimStart())) continue;
    const [, , typed, brace] = TYPED.exec(line) ?? [];
    const opens = brace === '{' || /^\s*\{/.test(lines[at + 1] ?? '');
    if (typed !== undefined && opens && !STATEMENT.test(typed)) names.add(typed);
  }
  return [...names];
}

/** Lines (from 0) that are comments or docstrings and nothing else. */
export function commentLines(lines: readonly string[]): number[] {
  const found: number[] = [];
  let until: string | undefined; // what ends the block comment or docstring we are in
  let isText = false; // in a string that is no docstring
  for (const [at, line] of lines.entries()) {
    const text = line.trim();
    if (until !== undefined) {
      if (!isText) found.push(at);
      if (text.includes(until)) until = undefined;
      continue;
    }
    const opening = /^(?:[rRuU]?("""|''')|(\/\*))/.exec(text);
    if (opening) {
      found.push(at);
      const end = opening[2] ? '*/' : opening[1]!;
      if (!text.slice(opening[0].length).includes(end)) [until, isText] = [end, false];
    } else if (
      /^(?:\/\/|--\s|#(?!\s*(?:include|define|undef|if|ifdef|ifndef|else|endif|pragma|!)|\[|!))/.test(text)
    ) {
      found.push(at);
    } else {
      const quote = text.includes('"""') ? '"""' : "'''";
      if (text.split(quote).length % 2 === 0) [until, isText] = [quote, true];
    }
  }
  return found;
}
