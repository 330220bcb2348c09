export interface Statement {
  text: string;
  /** Line of the statement's first word in the file, from 1. */
  line: number;
}

const WORD = /[A-Za-z_][A-Za-z0-9_$]*/y;
const DOLLAR_TAG = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y;

/**
 * Splits a script at the semicolons between statements, so that a failing one can be named. Knows quotes, `E''` escapes,
 * dollar quotes, nested comments and `begin atomic … end` bodies. Empty statements are left out.
 */
export function splitSql(script: string): Statement[] {
  const statements: Statement[] = [];
  let begin = 0; // first character of the statement
  let firstWord = -1; // where something other than space and comments starts
  let atomic = 0; // open `begin atomic` / `case` blocks
  let lastWord = '';
  let at = 0;
  const close = (end: number) => {
    if (firstWord >= 0) {
      statements.push({ text: script.slice(begin, end).trim(), line: lineOf(script, firstWord) });
    }
    begin = end + 1;
    firstWord = -1;
    atomic = 0;
    lastWord = '';
  };
  while (at < script.length) {
    const char = script[at]!;
    if (script.startsWith('--', at)) {
      at = endOf(script, '\n', at);
      continue;
    }
    if (script.startsWith('/*', at)) {
      at = endOfBlockComment(script, at);
      continue;
    }
    if (/\s/.test(char)) {
      at += 1;
      continue;
    }
    if (char === ';' && atomic === 0) {
      close(at);
      at += 1;
      continue;
    }
    if (firstWord < 0) firstWord = at;
    if (char === "'") {
      at = endOfQuoted(script, at, "'", /^e$/i.test(lastWord) && /e/i.test(script[at - 1] ?? ''));
    } else if (char === '"') {
      at = endOfQuoted(script, at, '"', false);
    } else if (char === '$') {
      DOLLAR_TAG.lastIndex = at;
      const tag = DOLLAR_TAG.exec(script)?.[0];
      at = tag ? endOf(script, tag, at + tag.length) : at + 1;
    } else {
      WORD.lastIndex = at;
      const word = WORD.exec(script)?.[0];
      if (!word) {
        at += 1;
        continue;
      }
      const lower = word.toLowerCase();
      if (lower === 'atomic' && lastWord === 'begin') atomic += 1;
      else if (atomic > 0 && lower === 'case') atomic += 1;
      else if (atomic > 0 && lower === 'end') atomic -= 1;
      lastWord = lower;
      at += word.length;
    }
  }
  close(script.length);
  return statements;
}

/** Line number, from 1, of a character offset. */
export function lineOf(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at >= 0 && at < offset; at = text.indexOf('\n', at + 1)) line += 1;
  return line;
}

function endOf(script: string, mark: string, from: number): number {
  const found = script.indexOf(mark, from);
  return found < 0 ? script.length : found + mark.length;
}

function endOfBlockComment(script: string, from: number): number {
  let depth = 0;
  let at = from;
  do {
    if (script.startsWith('/*', at)) {
      depth += 1;
      at += 2;
    } else if (script.startsWith('*/', at)) {
      depth -= 1;
      at += 2;
    } else at += 1;
  } while (depth > 0 && at < script.length);
  return at;
}

function endOfQuoted(script: string, from: number, quote: string, escapes: boolean): number {
  for (let at = from + 1; at < script.length; at += 1) {
    if (escapes && script[at] === '\\') at += 1;
    else if (script[at] === quote) {
      if (script[at + 1] !== quote) return at + 1;
      at += 1;
    }
  }
  return script.length;
}
