/** One decoded file. `lines` have no terminators; `text` is `lines` joined by LF, whatever the file used. */
export interface SourceText {
  /** Repo-relative, POSIX separators, NFC. */
  path: string;
  text: string;
  lines: string[];
  /** UTF-16 offset in `text` of the first character of each line. */
  lineStarts: number[];
}

/** Normalises CRLF and lone CR to LF, so a line number means the same in every editor and on every platform. */
export function sourceText(path: string, raw: string): SourceText {
  const text = raw.includes('\r') ? raw.replace(/\r\n?/g, '\n') : raw;
  const lines = text.split('\n');
  const lineStarts: number[] = [];
  let at = 0;
  for (const line of lines) {
    lineStarts.push(at);
    at += line.length + 1;
  }
  return { path, text, lines, lineStarts };
}

/** 1-based line holding the UTF-16 offset; an offset past the end is on the last line. */
export function lineAt(source: SourceText, offset: number): number {
  let low = 0;
  let high = source.lineStarts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (source.lineStarts[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  return low + 1;
}

/** The source lines `start..end`, 1-based and inclusive, exactly as they stand. */
export function linesText(source: SourceText, start: number, end: number): string {
  return source.lines.slice(start - 1, end).join('\n');
}

/** Length in UTF-16 units of `linesText(source, start, end)` without building it. */
export function linesLength(source: SourceText, start: number, end: number): number {
  const endAt = end < source.lineStarts.length ? source.lineStarts[end]! - 1 : source.text.length;
  return endAt - source.lineStarts[start - 1]!;
}

export function isBlank(line: string | undefined): boolean {
  return line === undefined || line.trim() === '';
}
