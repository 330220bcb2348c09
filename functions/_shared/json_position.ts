// Where a text stops being JSON. Engines word this differently, leave the position out at times and quote the input,
// which must not reach an error; so the plane looks for itself (RFC 8259), only after JSON.parse has refused.

/** Offset of the first character that can not belong to a JSON text; the length of the text when it ends too early. */
export function jsonErrorOffset(text: string): number {
  let at = 0;
  const stack: ('{' | '[')[] = [];
  const space = () => {
    while (at < text.length && ' \t\n\r'.includes(text[at]!)) at++;
  };
  // Each loop reads one value; containers are kept on the stack, so depth costs no recursion.
  for (;;) {
    space();
    const open = text[at];
    if (open === '{' || open === '[') {
      at++;
      space();
      if (text[at] === (open === '{' ? '}' : ']')) at++;
      else {
        stack.push(open);
        if (open === '{' && !key()) return at;
        continue;
      }
    } else if (open === '"') {
      if (!string()) return at;
    } else if (!scalar()) return at;

    for (;;) {
      space();
      const inside = stack.at(-1);
      if (inside === undefined) return at;
      if (text[at] === ',') {
        at++;
        space();
        if (inside === '{' && !key()) return at;
        break;
      }
      if (text[at] !== (inside === '{' ? '}' : ']')) return at;
      at++;
      stack.pop();
    }
  }

  function key(): boolean {
    if (text[at] !== '"' || !string()) return false;
    space();
    if (text[at] !== ':') return false;
    at++;
    return true;
  }

  function string(): boolean {
    at++;
    for (; at < text.length; at++) {
      const character = text[at]!;
      if (character === '"') {
        at++;
        return true;
      }
      if (character < ' ') return false;
      if (character === '\\') {
        at++;
        if (text[at] === 'u') {
          for (let i = 0; i < 4; i++) if (!/[0-9a-fA-F]/.test(text[++at] ?? '')) return false;
        } else if (!'"\\/bfnrt'.includes(text[at] ?? 'x')) return false;
      }
    }
    return false;
  }

  function scalar(): boolean {
    for (const word of ['true', 'false', 'null']) {
      if (text[at] !== word[0]) continue;
      for (const character of word) {
        if (text[at] !== character) return false;
        at++;
      }
      return true;
    }
    return number();
  }

  function number(): boolean {
    if (text[at] === '-') at++;
    if (text[at] === '0') at++;
    else if (!digits()) return false;
    if (text[at] === '.') {
      at++;
      if (!digits()) return false;
    }
    if (text[at] === 'e' || text[at] === 'E') {
      at++;
      if (text[at] === '+' || text[at] === '-') at++;
      if (!digits()) return false;
    }
    return true;
  }

  function digits(): boolean {
    const start = at;
    while (at < text.length && text[at]! >= '0' && text[at]! <= '9') at++;
    return at > start;
  }
}

/** Line and column, both from 1. */
export function lineAndColumn(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  return { line, column: offset - before.lastIndexOf('\n') };
}
