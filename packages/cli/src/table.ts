/** Text columns, padded to their widest cell; the last one is left as it is. */
export function table(head: string[], rows: string[][]): string {
  const widths = head.map((title, at) => Math.max(width(title), ...rows.map((row) => width(row[at] ?? ''))));
  return [head, ...rows]
    .map((row) => row.map((cell, at) => (at === row.length - 1 ? cell : pad(cell, widths[at]!))).join('  '))
    .join('\n');
}

function pad(text: string, to: number): string {
  return text + ' '.repeat(Math.max(0, to - width(text)));
}

/** Columns on a terminal: Hangul, Kana, Han and emoji take two. */
function width(text: string): number {
  let columns = 0;
  for (const char of text)
    columns +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}]/u.test(
        char,
      )
        ? 2
        : 1;
  return columns;
}
