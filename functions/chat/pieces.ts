/** An answer in the pieces it is streamed in: words with the white space after them. Joined, they are the text. */
export function pieces(text: string): string[] {
  return text.match(/^\s+\S*\s*|\S+\s*/g) ?? (text === '' ? [] : [text]);
}

/**
 * The embedded answerer runs no model and so has no model's tokens. It is metered in words (runs of non-space),
 * of what it read and of what it wrote.
 */
export function countWords(...texts: string[]): number {
  return texts.reduce((sum, text) => sum + (text.match(/\S+/g)?.length ?? 0), 0);
}
