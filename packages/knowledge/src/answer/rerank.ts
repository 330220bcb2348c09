// Which of the found places an answer is made from. The search ranks places to read; an answer wants the one that tells, and what
// tells depends on what was asked: where something is, the code; how or why it is, the manual where it speaks of it.
import { tokenize } from '@cogo/spec/tokenize.ts';
import { coverage, spanTokens, weigh, type WeightedConcept } from './evidence.ts';
import { roleOf } from './path_role.ts';
import { isProse } from './prose.ts';
import type { Question } from './question.ts';
import type { Lexicon, ScoredSpan, Span } from './span.ts';

/** Of how much an answer is chosen: the manual's page is often behind a dozen places in code that have the words too. */
export const ANSWER_CANDIDATES = 20;

/** Shares of the parts, and what the kind of source adds or costs. Fitted by hand on questions about this repository. */
const SEARCH = 0.5;
const WHOLE = 0.2;
const TOGETHER = 0.7;
const IDENTIFIER = 0.15;
const MANUAL = 0.25;
const CODE_FOR_PLACE = 0.15;
const MANUAL_FOR_PLACE = -0.1;
const BESIDE = -0.6;

/** Lines read together: a sentence of a manual seldom spans more. */
const PASSAGE = 3;

/** What kind of source a span is: the thing, its manual, or what only tests, shows or repeats it. */
export type Facet = 'manual' | 'code' | 'beside';

export function facetOf(span: Span): Facet {
  if (roleOf(span.path, span.language ?? '') !== undefined) return 'beside';
  if (isProse(span)) return 'manual';
  return isWordList(span.text) ? 'beside' : 'code';
}

const LIST_LINE = 160;

/** Words in bulk: lines too long to be code, or mostly strings. They have the words of any question. */
function isWordList(text: string): boolean {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const strings = lines.filter((line) => /^\s*(['"`]).*\1,?$/.test(line)).length;
  return text.length > LIST_LINE * lines.length || (lines.length >= 5 && strings > 0.6 * lines.length);
}

/** Whether a question is about tests, whose files then are no second choice. */
export function wantsTests(question: Question): boolean {
  return question.concepts.some((concept) => concept.ways.some((way) => way.includes('test')));
}

/** The spans an answer is best made from first. Stable: equal ones stay in the order of the search. */
export function rerank(question: Question, spans: readonly ScoredSpan[], lexicon?: Lexicon): ScoredSpan[] {
  const concepts = weigh(question.concepts, lexicon);
  if (concepts.length === 0) return [...spans];
  const best = Math.max(...spans.map((span) => span.score), Number.MIN_VALUE);
  const tests = wantsTests(question);
  return spans
    .map((span) => ({
      span,
      worth:
        (SEARCH * span.score) / best +
        WHOLE * coverage(concepts, spanTokens({ ...span, text: withoutEcho(span.text, question.text) })) +
        TOGETHER * bestPassage(withoutEcho(span.text, question.text), concepts) +
        prior(question, facetOf(span), tests) +
        (question.identifiers.some((name) => span.text.includes(name)) ? IDENTIFIER : 0),
    }))
    .sort((a, b) => b.worth - a.worth)
    .map(({ span }) => span);
}

function prior(question: Question, facet: Facet, tests: boolean): number {
  if (facet === 'beside') return tests ? 0 : BESIDE;
  if (question.route === 'symbol' || question.route === 'path') return 0;
  if (question.asks === 'place') return facet === 'code' ? CODE_FOR_PLACE : MANUAL_FOR_PLACE;
  return question.asks === 'account' && facet === 'manual' ? MANUAL : 0;
}

/** A text without the lines that ask the question itself: an example of a question is no answer to it. */
export function withoutEcho(text: string, question: string): string {
  const asked = letters(question);
  if (asked.length < 12 || !letters(text).includes(asked)) return text;
  return text
    .split('\n')
    .map((line) => (letters(line).includes(asked) ? '' : line))
    .join('\n');
}

function letters(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}

/** Share of the question that a few neighbouring lines of a span have together. */
function bestPassage(text: string, concepts: WeightedConcept[]): number {
  const lines = text.split('\n').map((line) => tokenize(line));
  let best = 0;
  for (let at = 0; at < lines.length; at += 1)
    best = Math.max(best, coverage(concepts, new Set(lines.slice(at, at + PASSAGE).flat())));
  return best;
}
