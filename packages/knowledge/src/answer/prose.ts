import type { Span } from './span.ts';

/** A sentence of a span: where it stands and how it reads without comment marks. UTF-16 offsets into the text. */
export interface Sentence {
  start: number;
  end: number;
  /** As a person would read it: one line, no comment or list marks. */
  reading: string;
}

interface Run {
  text: string;
  /** Offset in the span's text of each character of `text`. */
  at: number[];
}

const HASH_COMMENTS = new Set(['python', 'shell', 'yaml', 'toml', 'ruby', 'dockerfile', 'make', 'text']);

/** Text a person wrote to be read. A file without an extension may as well be a script. */
export function isProse(span: Span): boolean {
  if (span.kind === 'section' || span.language === 'markdown' || span.language === 'rst') return true;
  const isText = /\.(?:txt|adoc)$|(?:^|\/)(?:README|LICEN[CS]E|NOTICE|CHANGELOG|AUTHORS|COPYING)[^/]*$/i;
  return span.language === 'text' && isText.test(span.path);
}

/** The sentences of a span: all of a document's, of code only what its comments say. */
export function sentencesOf(span: Span): Sentence[] {
  const runs = isProse(span) ? documentRuns(span.text) : commentRuns(span.text, span.language ?? '');
  return runs.flatMap((run) => splitRun(run));
}

/** How many lines at the top of a chunk of code are its comment; all of them when there is nothing else. */
export function leadingCommentLines(text: string): number {
  const lines = text.split('\n');
  let count = 0;
  let inBlock = false;
  for (const line of lines) {
    const trimmed = line.trim();
    const isComment = inBlock || /^(?:\/\/|\/\*|--|#(?!\[))/.test(trimmed) || trimmed === '';
    if (!isComment) break;
    if (trimmed.startsWith('/*')) inBlock = true;
    if (trimmed.includes('*/')) inBlock = false;
    count += 1;
  }
  return count;
}

function* eachLine(text: string): Generator<{ line: string; from: number }> {
  let from = 0;
  for (const line of text.split('\n')) {
    yield { line, from };
    from += line.length + 1;
  }
}

/** Collects adjacent stretches into runs; `null` ends a run. */
class RunBuilder {
  runs: Run[] = [];
  #open: Run | undefined;

  add(text: string, from: number): void {
    if (text.trim() === '') {
      this.end();
      return;
    }
    this.#open ??= { text: '', at: [] };
    if (this.#open.text !== '') {
      this.#open.text += ' ';
      this.#open.at.push(from);
    }
    for (let index = 0; index < text.length; index += 1) this.#open.at.push(from + index);
    this.#open.text += text;
  }

  end(): void {
    if (this.#open) this.runs.push(this.#open);
    this.#open = undefined;
  }
}

function documentRuns(text: string): Run[] {
  const builder = new RunBuilder();
  let fence: string | undefined;
  const lines = [...eachLine(text)];
  for (const [at, { line, from }] of lines.entries()) {
    // The head of a table names its columns and says nothing.
    if (
      fence === undefined &&
      /^\s*\|/.test(line) &&
      /^\s*\|?\s*:?-{2,}:?\s*\|/.test(lines[at + 1]?.line ?? '')
    ) {
      builder.end();
      continue;
    }
    const mark = /^\s*(`{3,}|~{3,})/.exec(line)?.[1];
    if (mark) {
      builder.end();
      fence = fence === undefined ? mark : line.trim().startsWith(fence) ? undefined : fence;
      continue;
    }
    if (fence !== undefined) continue;
    if (/^\s*(?:#{1,6}\s|=+\s*$|-{3,}\s*$|\|?\s*:?-{2,}:?\s*\||<[a-z/!])/i.test(line)) {
      builder.end();
      continue;
    }
    const bullet = /^\s*(?:[-*+]\s+(?:\[[ x]\]\s+)?|\d+[.)]\s+|>\s?|\|\s*)/.exec(line)?.[0] ?? '';
    if (bullet.trim() !== '' && !bullet.includes('>')) builder.end();
    const rest = line.slice(bullet.length).replace(/\s*\|?\s*$/, '');
    builder.add(rest, from + bullet.length);
    if (bullet.includes('|')) builder.end();
  }
  builder.end();
  return builder.runs;
}

function commentRuns(text: string, language: string): Run[] {
  const builder = new RunBuilder();
  const marks = HASH_COMMENTS.has(language)
    ? /^(\s*#+!?\s?)(.*)$/
    : language === 'sql'
      ? /^(\s*--+\s?)(.*)$/
      : /^(\s*\/\/+\s?)(.*)$/;
  let inBlock = false;
  for (const { line, from } of eachLine(text)) {
    let start = 0;
    let rest: string | undefined;
    if (!inBlock && /^\s*\/\*/.test(line)) {
      inBlock = true;
      builder.end();
      start = /^\s*\/\*+!?\s*/.exec(line)![0].length;
      rest = line.slice(start);
    } else if (inBlock) {
      start = /^\s*\*?(?!\/)\s?/.exec(line)![0].length;
      rest = line.slice(start);
    } else {
      const match = marks.exec(line);
      if (match) {
        start = match[1]!.length;
        rest = match[2]!;
      }
    }
    if (rest === undefined) {
      builder.end();
      continue;
    }
    const close = inBlock ? rest.indexOf('*/') : -1;
    if (close >= 0) rest = rest.slice(0, close);
    // A list item, a tag or an indented example is no continuation of the sentence above.
    if (/^\s*(?:@\w|[-*]\s)|^\s{2,}\S/.test(rest)) builder.end();
    builder.add(rest.trimEnd(), from + start);
    if (close >= 0) {
      inBlock = false;
      builder.end();
    }
  }
  builder.end();
  return builder.runs;
}

/** `[text](target)`: a person reads the text. */
export const LINK = /\[([^\]\n]+)\]\([^()\s]*\)/g;

/** On one line, links by their text, cells of a table row set apart. The verifier takes these for the same (`flat`). */
function readable(text: string): string {
  return text
    .replace(LINK, '$1')
    .replace(/\s*\|\s*$/, '')
    .replace(/\s+\|\s+(?=\|)/g, ' ')
    .replace(/\s+\|\s+/g, ' — ')
    .replace(/\s+/g, ' ');
}

/** A full stop ends a sentence when a space and something that can begin one follow, and no abbreviation precedes. */
const SENTENCE_END = /[.!?。！？][)"'”’`*]*(?=\s+[\p{Lu}\p{Lo}\d`"'“‘([*_]|\s*$)/gu;
const ABBREVIATION = /(?:\b(?:e\.g|i\.e|etc|vs|cf|Mr|Dr|No|approx)|\b[A-Z]|^\s*\d+)\.$/;

function splitRun(run: Run): Sentence[] {
  const out: Sentence[] = [];
  let from = 0;
  const push = (to: number) => {
    let start = from;
    let end = to;
    while (start < end && /\s/.test(run.text[start]!)) start += 1;
    while (end > start && /\s/.test(run.text[end - 1]!)) end -= 1;
    from = to;
    if (end <= start) return;
    const reading = readable(run.text.slice(start, end));
    out.push({ start: run.at[start]!, end: run.at[end - 1]! + 1, reading });
  };
  for (const match of run.text.matchAll(SENTENCE_END)) {
    const to = match.index + match[0].length;
    if (!ABBREVIATION.test(run.text.slice(from, match.index + 1))) push(to);
  }
  push(run.text.length);
  return out;
}
