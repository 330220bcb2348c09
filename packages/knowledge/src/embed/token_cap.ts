/**
 * Tokens a text is likely to have at most, without the model's own tokeniser: a Latin word counts one for every three letters, each digit
 * pair, sign and Hangul, Han or Kana character one, any other character two. Sub-word tokenisers stay below that on prose and code.
 */
export function estimatedTokens(text: string): number {
  let tokens = 0;
  for (const [piece] of text.matchAll(PIECE)) tokens += costOf(piece);
  return tokens;
}

const PIECE = /[A-Za-z]+|[0-9]+|\s+|./gsu;

function costOf(piece: string): number {
  const code = piece.codePointAt(0)!;
  if (/^\s/.test(piece)) return piece.length > 8 ? 2 : 0;
  if (/^[A-Za-z]/.test(piece)) return Math.ceil(piece.length / 3);
  if (/^[0-9]/.test(piece)) return Math.ceil(piece.length / 2);
  return code < 0x80 ||
    /^[\p{Script=Hangul}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u.test(piece)
    ? 1
    : 2;
}

/** The beginning of a text that has at most so many tokens, by the estimate; the text itself when it is short enough. */
export function cappedText(text: string, maxTokens: number): string {
  let tokens = 0;
  for (const match of text.matchAll(PIECE)) {
    const [piece] = match;
    tokens += costOf(piece);
    if (tokens <= maxTokens) continue;
    // A run of letters longer than what is left is cut inside, else it would take the whole text with it.
    const room = maxTokens - (tokens - costOf(piece));
    const perToken = /^[A-Za-z]/.test(piece) ? 3 : /^[0-9]/.test(piece) ? 2 : 0;
    return text.slice(0, match.index + (perToken === 0 || piece.length < 64 ? 0 : room * perToken)).trimEnd();
  }
  return text;
}
