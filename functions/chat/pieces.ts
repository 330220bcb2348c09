/** An answer in the pieces it is streamed in: words with the white space after them. Joined, they are the text. */
export function pieces(text: string): string[] {
  return text.match(/^\s+\S*\s*|\S+\s*/g) ?? (text === '' ? [] : [text]);
}
