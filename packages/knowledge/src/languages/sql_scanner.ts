/**
 * Finds statements without understanding them: quotes, dollar quotes, nested comments, psql meta commands and
 * `COPY … FROM stdin` data are skipped over. UTF-16 offsets, end exclusive, the semicolon included.
 */
export function scanStatements(text: string): Array<{ start: number; end: number }> {
  const spans: Array<{ start: number; end: number }> = [];
  let at = 0;
  let start = -1;
  const close = (end: number) => {
    if (start >= 0 && end > start) spans.push({ start, end });
    start = -1;
  };
  while (at < text.length) {
    const character = text[at]!;
    const skipped = skipComment(text, at);
    if (skipped > at) {
      at = skipped;
      continue;
    }
    if (character === '\\' && isLineStart(text, at)) {
      close(at);
      at = lineEnd(text, at);
      continue;
    }
    if (start < 0 && !/\s/.test(character)) start = at;
    if (character === ';') {
      close(at + 1);
      const span = spans.at(-1);
      at = span && isCopyFromStdin(text.slice(span.start, span.end)) ? copyEnd(text, at + 1) : at + 1;
      continue;
    }
    at = skipQuoted(text, at);
  }
  close(text.trimEnd().length);
  return spans;
}

function skipComment(text: string, at: number): number {
  if (text.startsWith('--', at)) return lineEnd(text, at);
  if (!text.startsWith('/*', at)) return at;
  let depth = 0;
  let next = at;
  while (next < text.length) {
    if (text.startsWith('/*', next)) {
      depth += 1;
      next += 2;
    } else if (text.startsWith('*/', next)) {
      depth -= 1;
      next += 2;
      if (depth === 0) return next;
    } else next += 1;
  }
  return text.length;
}

/** Past the quoted thing at `at`, or past one character when nothing is quoted there. */
function skipQuoted(text: string, at: number): number {
  const character = text[at]!;
  if (character === "'" || character === '"') {
    const escapes = character === "'" && /[eE]/.test(text[at - 1] ?? '');
    let next = at + 1;
    while (next < text.length) {
      if (escapes && text[next] === '\\') next += 2;
      else if (text[next] !== character) next += 1;
      else if (text[next + 1] === character) next += 2;
      else return next + 1;
    }
    return text.length;
  }
  if (character === '$') {
    const tag = /^\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/.exec(text.slice(at, at + 80))?.[0];
    if (tag) {
      const end = text.indexOf(tag, at + tag.length);
      return end < 0 ? text.length : end + tag.length;
    }
  }
  return at + 1;
}

function isCopyFromStdin(statement: string): boolean {
  return /^copy\b[\s\S]*\bfrom\s+stdin\b/i.test(statement);
}

function copyEnd(text: string, at: number): number {
  const end = text.indexOf('\n\\.', at);
  return end < 0 ? text.length : lineEnd(text, end + 1);
}

function isLineStart(text: string, at: number): boolean {
  return text.slice(text.lastIndexOf('\n', at - 1) + 1, at).trim() === '';
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
}
