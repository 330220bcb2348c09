import { coverage, spanTokens, weigh, type WeightedConcept } from './evidence.ts';
import { isProse } from './prose.ts';
import { type Facet, facetOf, wantsTests, withoutEcho } from './rerank.ts';
import { LABELS, leadSentence, nameOf } from './phrases.ts';
import { type Language, type Question, readQuestion } from './question.ts';
import { announced, bestLine, codeQuote, newlyCovered, type Quote, sentenceQuotes } from './quotes.ts';
import type { Lexicon, Span } from './span.ts';

export interface ExtractiveOptions {
  question: string;
  /** Best first, as `search` returns them. */
  spans: Span[];
  /** Default: the question's. */
  language?: Language;
  /** As `search` returns it: makes rare words of the question count more. */
  lexicon?: Lexicon;
}

export interface Citation {
  n: number;
  chunk_id: number | string;
  repo: string;
  path: string;
  /** Lines of the quote in the file, 1-based, inclusive. */
  start_line: number;
  end_line: number;
  /** Verbatim from the chunk's text. */
  quote: string;
  commit_sha: string | null;
}

export interface AnswerSentence {
  text: string;
  /** Numbers of `citations`; empty only for a fixed connective label. */
  citations: number[];
}

export interface ExtractiveAnswer {
  text: string;
  sentences: AnswerSentence[];
  citations: Citation[];
  /** True when nothing supports an answer; `text` says so in the question's language. */
  refused: boolean;
  language: Language;
}

/** Below this share of the question's weight in the best span, or in the best five together, nothing is answered. */
const MIN_BEST = 0.45;
const MIN_BEST_SHORT = 0.52;
const MIN_TOGETHER = 0.5;
const MIN_TOGETHER_SHORT = 0.6;
const TOGETHER = 5;
const MAX_SPANS = 8;
const MAX_MAIN_SENTENCES = 3;
const MAX_OTHERS = 3;
/** A further place says so much of the question, or so much of what was not said yet. */
const MIN_OTHER = 0.34;
const MIN_OTHER_NEW = 0.15;
const FACETS: readonly Facet[] = ['manual', 'code', 'beside'];

/**
 * The answerer without a language model: quotes the sentences and code that speak of the question, each with its
 * source. Says nothing that is not a quote, a span's own name and place, or a fixed label. Deterministic.
 */
export function answerExtractive(options: ExtractiveOptions): ExtractiveAnswer {
  const question = readQuestion(options.question);
  const language = options.language ?? question.language;
  const spans = options.spans.slice(0, MAX_SPANS);
  const concepts = weigh(question.concepts, options.lexicon);
  const tokens = spans.map((span) => spanTokens({ ...span, text: withoutEcho(span.text, question.text) }));
  // A test may say anything: what only it speaks of, nothing speaks of.
  const isBeside = spans.map((span) => facetOf(span) === 'beside' && !wantsTests(question));
  const counts = tokens.filter((_, at) => !isBeside[at]);
  if (!isSupported(question, concepts, counts)) return refusal(language);

  const ranked = rankSpans(concepts, tokens, isBeside);
  const composer = new Composer(spans, language);
  const main = ranked[0]!;
  const seen = new Set<string>();
  composeMain(composer, spans[main]!, main, concepts, seen);
  const files = new Set([spans[main]!.path]);
  const others = ranked.slice(1).flatMap((index) => {
    const quote = bestQuote(spans[index]!, index, concepts);
    return quote && isTelling(quote) ? [{ index, quote }] : [];
  });
  // A file not shown yet tells more than another place in the same one.
  others.sort((a, b) => otherWorth(b) - otherWorth(a));
  const said = composer.quotes.map(plain);
  const chosen = others
    .filter(({ quote }) => {
      const text = plain(quote.reading);
      // A migration repeats a function word for word, a README a sentence of the manual.
      if (said.some((other) => other.includes(text) || text.includes(other))) return false;
      said.push(text);
      return true;
    })
    .slice(0, MAX_OTHERS)
    .sort((a, b) => ranked.indexOf(a.index) - ranked.indexOf(b.index));
  for (const facet of FACETS) {
    const ofFacet = chosen.filter(({ index }) => facetOf(spans[index]!) === facet);
    if (ofFacet.length > 0) composer.label(LABELS[language][facet]);
    for (const { quote } of ofFacet) composer.other(quote);
  }
  return composer.finish();

  function isTelling({ score, tokens: said }: Quote): boolean {
    return score >= MIN_OTHER || newlyCovered(concepts, said, seen) >= MIN_OTHER_NEW;
  }

  function otherWorth({ index, quote }: { index: number; quote: Quote }): number {
    const isNewFile = files.has(spans[index]!.path) ? 0 : 0.2;
    return (
      quote.score + isNewFile + newlyCovered(concepts, quote.tokens, seen) - 0.05 * ranked.indexOf(index)
    );
  }
}

function isSupported(question: Question, concepts: WeightedConcept[], tokens: Array<Set<string>>): boolean {
  if (concepts.length === 0 || tokens.length === 0) return false;
  const best = Math.max(...tokens.map((one) => coverage(concepts, one)));
  const together = coverage(concepts, new Set(tokens.slice(0, TOGETHER).flatMap((one) => [...one])));
  if (question.route === 'symbol' || question.route === 'path') return best >= MIN_TOGETHER;
  // Half of a question of two words is another question.
  const isShort = concepts.length <= 2;
  return (
    best >= (isShort ? MIN_BEST_SHORT : MIN_BEST) &&
    Math.max(best, together) >= (isShort ? MIN_TOGETHER_SHORT : MIN_TOGETHER)
  );
}

/** The order they are given in, unless a span speaks of clearly more of the question. Indexes of spans, best first. */
function rankSpans(concepts: WeightedConcept[], tokens: Array<Set<string>>, isBeside: boolean[]): number[] {
  const worth = tokens.map((one, index) => coverage(concepts, one) - 0.2 * index - (isBeside[index] ? 1 : 0));
  return tokens.map((_, index) => index).sort((a, b) => worth[b]! - worth[a]! || a - b);
}

function composeMain(
  composer: Composer,
  span: Span,
  index: number,
  concepts: WeightedConcept[],
  seen: Set<string>,
): void {
  const sentences = pickSentences(sentenceQuotes(span, index, concepts), concepts, seen);
  const code = codeQuote(span, index, concepts);
  const isCode = !isProse(span);
  const showsCode =
    code !== undefined && (isCode || newlyCovered(concepts, code.tokens, seen) > 0 || sentences.length === 0);
  const told = sentences.flatMap((sentence) => {
    const list = announced(span, sentence);
    return list ? [sentence, list] : [sentence];
  });
  const quotes = [...told, ...(showsCode ? [code] : [])];
  // A span can match by its name alone; its first line is then what there is to show.
  composer.main(span, quotes.length > 0 ? quotes : [firstLine(span, index)]);
  for (const quote of quotes) for (const token of quote.tokens) seen.add(token);
}

/** The sentences that together say most about the question, in reading order. */
function pickSentences(all: Quote[], concepts: WeightedConcept[], already: ReadonlySet<string>): Quote[] {
  const seen = new Set(already);
  const picked: Quote[] = [];
  const left = [...all];
  while (picked.length < MAX_MAIN_SENTENCES && left.length > 0) {
    const worth = (quote: Quote) => newlyCovered(concepts, quote.tokens, seen) + 0.4 * quote.score;
    left.sort((a, b) => worth(b) - worth(a) || a.start - b.start);
    const best = left.shift()!;
    if (picked.length > 0 && newlyCovered(concepts, best.tokens, seen) === 0 && best.score < 0.3) break;
    if (best.score <= 0) break;
    picked.push(best);
    for (const token of best.tokens) seen.add(token);
  }
  return picked.sort((a, b) => a.start - b.start);
}

function bestQuote(span: Span, index: number, concepts: WeightedConcept[]): Quote | undefined {
  const sentences = sentenceQuotes(span, index, concepts).sort(
    (a, b) => b.score - a.score || a.start - b.start,
  );
  const code = codeQuote(span, index, concepts);
  const sentence = sentences[0];
  if (!sentence) return code && bestLine(code, concepts);
  return code && code.score > sentence.score + 0.2 ? bestLine(code, concepts) : sentence;
}

function firstLine(span: Span, index: number): Quote {
  const lines = span.text.split('\n');
  const offset = Math.max(
    0,
    lines.findIndex((line) => line.trim() !== ''),
  );
  const quote = lines[offset]!.trim();
  const line = span.start_line + offset;
  return {
    form: 'code',
    span: index,
    quote,
    reading: quote,
    startLine: line,
    endLine: line,
    tokens: new Set(),
    score: 0,
    start: 0,
  };
}

function refusal(language: Language): ExtractiveAnswer {
  const text = LABELS[language].refusal;
  return { text, sentences: [{ text, citations: [] }], citations: [], refused: true, language };
}

/** Puts sentences and citations together; numbers go up in reading order. */
class Composer {
  #spans: Span[];
  #language: Language;
  #sentences: AnswerSentence[] = [];
  #citations: Citation[] = [];
  #blocks: string[] = [];
  /** What was quoted, as it reads. */
  readonly quotes: string[] = [];

  constructor(spans: Span[], language: Language) {
    this.#spans = spans;
    this.#language = language;
  }

  main(span: Span, quotes: Quote[]): void {
    const numbers = quotes.map((quote) => this.#cite(quote));
    this.quotes.push(...quotes.map((quote) => quote.reading));
    this.#say(`${leadSentence(span, this.#language)} [${numbers[0]}].`, [numbers[0]!]);
    quotes.forEach((quote, index) => {
      const n = numbers[index]!;
      if (quote.form === 'sentence') this.#say(`“${quote.reading}” [${n}]`, [n]);
      else this.#say(`${fenced(quote.quote, span.language)}\n[${n}]`, [n]);
    });
  }

  label(text: string): void {
    this.#say(text, []);
  }

  other(quote: Quote): void {
    const span = this.#spans[quote.span]!;
    const n = this.#cite(quote);
    const shown = quote.form === 'sentence' ? `“${quote.reading}”` : inlineCode(quote.quote);
    const name = nameOf(span, this.#language).replace(/^the /, '');
    const place = `\`${span.path}\`:${quote.startLine}`;
    this.#say(`- ${name}, ${place}: ${shown} [${n}]`, [n]);
  }

  finish(): ExtractiveAnswer {
    return {
      text: this.#blocks.join('\n\n').replace(/\n\n- /g, '\n- '),
      sentences: this.#sentences,
      citations: this.#citations,
      refused: false,
      language: this.#language,
    };
  }

  #say(text: string, citations: number[]): void {
    this.#sentences.push({ text, citations });
    this.#blocks.push(text);
  }

  #cite(quote: Quote): number {
    const span = this.#spans[quote.span]!;
    const n = this.#citations.length + 1;
    this.#citations.push({
      n,
      chunk_id: span.chunk_id,
      repo: span.repo,
      path: span.path,
      start_line: quote.startLine,
      end_line: quote.endLine,
      quote: quote.quote,
      commit_sha: span.commit_sha,
    });
    return n;
  }
}

/** A text without what only looks different. */
function plain(text: string): string {
  return text.replace(/\s+/g, ' ').trim().toLowerCase();
}

const FENCE_NAMES: Record<string, string> = { typescript: 'ts', javascript: 'js', markdown: '', text: '' };

/** A fence longer than any in the quoted text, so that quoted markdown cannot end it. */
function fenced(code: string, language: string | null): string {
  const longest = Math.max(2, ...[...code.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${FENCE_NAMES[language ?? ''] ?? language ?? ''}\n${code}\n${fence}`;
}

function inlineCode(code: string): string {
  const longest = Math.max(0, ...[...code.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  const pad = longest > 0 ? ' ' : '';
  return `${fence}${pad}${code}${pad}${fence}`;
}
