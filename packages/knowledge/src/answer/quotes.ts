import { tokenize } from '@cogo/spec/tokenize.ts';
import { coverage, isCovered, type WeightedConcept } from './evidence.ts';
import { isProse, leadingCommentLines, sentencesOf } from './prose.ts';
import type { Span } from './span.ts';

/** Something of a span worth showing. `quote` is a verbatim part of its text. */
export interface Quote {
  form: 'sentence' | 'code';
  /** Position of the span in the list. */
  span: number;
  quote: string;
  /** In the file, 1-based, inclusive. */
  startLine: number;
  endLine: number;
  /** A sentence without comment marks; code as it stands. */
  reading: string;
  tokens: Set<string>;
  score: number;
  /** Its place in the span, for reading order. */
  start: number;
}

const MIN_SENTENCE = 12;
const MAX_SENTENCE = 420;
const MAX_CODE_LINES = 12;

/** All sentences of a span that could answer, with how well they do. */
export function sentenceQuotes(span: Span, index: number, concepts: WeightedConcept[]): Quote[] {
  return sentencesOf(span)
    .filter(
      ({ reading }) =>
        reading.length >= MIN_SENTENCE && reading.length <= MAX_SENTENCE && /\p{L}{2}/u.test(reading),
    )
    .map((sentence, order) => {
      const tokens = new Set(tokenize(sentence.reading));
      const quote = span.text.slice(sentence.start, sentence.end);
      const startLine = span.start_line + countLines(span.text, sentence.start);
      return {
        form: 'sentence',
        span: index,
        quote,
        startLine,
        endLine: startLine + countLines(quote, quote.length),
        reading: sentence.reading,
        tokens,
        // The first sentence of a comment or section says what the thing is.
        score: coverage(concepts, tokens) + (order === 0 ? 0.15 : 0) - fragmentCost(sentence.reading),
        start: sentence.start,
      };
    });
}

/** The part of a span's code that speaks most of the question: its head when that is as good. */
export function codeQuote(span: Span, index: number, concepts: WeightedConcept[]): Quote | undefined {
  if (isProse(span)) {
    return fencedQuote(span, index, concepts);
  }
  const lines = span.text.split('\n');
  const first = leadingCommentLines(span.text);
  return bestWindow(span, index, lines, first, lines.length, concepts);
}

function fencedQuote(span: Span, index: number, concepts: WeightedConcept[]): Quote | undefined {
  const lines = span.text.split('\n');
  let best: Quote | undefined;
  let open = -1;
  lines.forEach((line, at) => {
    if (!/^\s*(?:`{3,}|~{3,})/.test(line)) return;
    if (open < 0) open = at + 1;
    else {
      const quote = open < at ? bestWindow(span, index, lines, open, at, concepts) : undefined;
      if (quote && (!best || quote.score > best.score)) best = quote;
      open = -1;
    }
  });
  return best;
}

function bestWindow(
  span: Span,
  index: number,
  lines: string[],
  from: number,
  to: number,
  concepts: WeightedConcept[],
): Quote | undefined {
  if (from >= to) return undefined;
  const lineTokens = lines.map((line, at) =>
    at < from || at >= to ? new Set<string>() : new Set(tokenize(line)),
  );
  const worth = lineTokens.map((tokens) => coverage(concepts, tokens));
  let start = from;
  let bestScore = -1;
  const lastStart = Math.max(from, to - MAX_CODE_LINES);
  for (let at = from; at <= lastStart; at += 1) {
    const end = Math.min(to, at + MAX_CODE_LINES);
    const union = new Set<string>();
    let density = 0;
    for (let line = at; line < end; line += 1) {
      for (const token of lineTokens[line]!) union.add(token);
      density += worth[line]!;
    }
    // The head of a symbol tells most; another window must speak of more of the question to replace it.
    const score = coverage(concepts, union) + Math.min(density, 1) * 0.1 + (at === from ? 0.25 : 0);
    if (score > bestScore) {
      bestScore = score;
      start = at;
    }
  }
  let end = Math.min(to, start + MAX_CODE_LINES);
  while (end > start + 1 && lines[end - 1]!.trim() === '') end -= 1;
  while (start < end - 1 && lines[start]!.trim() === '') start += 1;
  const quote = lines.slice(start, end).join('\n');
  if (quote.trim() === '') return undefined;
  const tokens = new Set(tokenize(quote));
  return {
    form: 'code',
    span: index,
    quote,
    startLine: span.start_line + start,
    endLine: span.start_line + end - 1,
    reading: quote,
    tokens,
    score: coverage(concepts, tokens),
    start: lines.slice(0, start).reduce((sum, line) => sum + line.length + 1, 0),
  };
}

/** The one line of a piece of code that speaks most of the question, for a list. */
export function bestLine(code: Quote, concepts: WeightedConcept[]): Quote {
  let best: { line: string; at: number; worth: number } | undefined;
  code.quote.split('\n').forEach((raw, at) => {
    const line = raw.trim();
    const worth = coverage(concepts, new Set(tokenize(line))) + (line.length >= 12 ? 0.05 : 0);
    if (line !== '' && (!best || worth > best.worth)) best = { line, at, worth };
  });
  if (!best) return code;
  const { line, at } = best;
  const place = code.startLine + at;
  const tokens = new Set(tokenize(line));
  const score = coverage(concepts, tokens);
  return { ...code, quote: line, reading: line, startLine: place, endLine: place, tokens, score };
}

const MAX_LISTED = 10;

/** The table or list that a sentence ending in a colon announces, as it stands; nothing where none follows. */
export function announced(span: Span, sentence: Quote): Quote | undefined {
  if (sentence.form !== 'sentence' || !sentence.reading.endsWith(':')) return undefined;
  const lines = span.text.split('\n');
  let from = sentence.endLine - span.start_line + 1;
  while (from < lines.length && lines[from]!.trim() === '') from += 1;
  let to = from;
  while (to < lines.length && to - from < MAX_LISTED && /^\s*(?:\||[-*+]\s|\d+[.)]\s)/.test(lines[to]!))
    to += 1;
  if (to === from) return undefined;
  const quote = lines.slice(from, to).join('\n');
  return {
    ...sentence,
    form: 'code',
    quote,
    reading: quote,
    startLine: span.start_line + from,
    endLine: span.start_line + to - 1,
    tokens: new Set(tokenize(quote)),
  };
}

/** Concepts `tokens` speaks of that `seen` does not yet, by weight share. */
export function newlyCovered(
  concepts: WeightedConcept[],
  tokens: ReadonlySet<string>,
  seen: ReadonlySet<string>,
): number {
  let all = 0;
  let fresh = 0;
  for (const { concept, weight } of concepts) {
    all += weight;
    if (!isCovered(concept, seen) && isCovered(concept, tokens)) fresh += weight;
  }
  return all === 0 ? 0 : fresh / all;
}

/** What is no whole sentence tells less; a cell of a table tells what its row says, a few words alone next to nothing. */
function fragmentCost(reading: string): number {
  if ((reading.match(/[\p{L}\p{N}]+/gu)?.length ?? 0) < 3) return 0.5;
  if (/[.!?:。다요]$/.test(reading.replace(/["'`”’)*]+$/, ''))) return 0;
  if (reading.includes(' — ')) return 0.02;
  return reading.split(' ').length < 5 ? 0.3 : 0.1;
}

function countLines(text: string, to: number): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0 && at < to; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}
