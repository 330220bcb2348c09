import { tokenize } from '@cogo/spec/tokenize.ts';
import type { Concept } from './question.ts';
import type { Lexicon, Span } from './span.ts';

/** Every token a span can be cited for: its text and what names it. */
export function spanTokens(span: Span): Set<string> {
  return new Set(tokenize([span.path, span.symbol ?? '', span.heading ?? '', span.text].join('\n')));
}

export function isCovered(concept: Concept, tokens: ReadonlySet<string>): boolean {
  return concept.ways.some((way) => way.every((token) => tokens.has(token)));
}

const UNKNOWN = 0.8;
/** Who asks about a thing by its name asks about that thing: where the name is unknown, so is the answer. */
const UNKNOWN_NAME = 2;

/**
 * How much a concept matters: how rare its most telling known wording is (nats). Without a lexicon all matter the
 * same. A word nobody ever wrote is as likely a turn of phrase as the topic, so it weighs less than the rarest term.
 */
export function conceptWeight(concept: Concept, lexicon?: Lexicon): number {
  if (!lexicon || lexicon.n === 0) return 1;
  const df = new Map(Object.entries(lexicon.df));
  const idf = (count: number) => Math.log(1 + (lexicon.n - count + 0.5) / (count + 0.5));
  const known = concept.ways
    .filter((way) => way.every((token) => (df.get(token) ?? 0) > 0))
    .map((way) => Math.max(...way.map((token) => idf(df.get(token)!))));
  return known.length > 0 ? Math.min(...known) : (concept.isName ? UNKNOWN_NAME : UNKNOWN) * idf(0);
}

export interface WeightedConcept {
  concept: Concept;
  weight: number;
}

/** An identifier that the sources have is meant as it is written: `rate_limited` is not said by a rate and a limit. */
function asWritten(concept: Concept, lexicon?: Lexicon): Concept {
  const whole = concept.ways[0];
  const isKnown = whole?.length === 1 && Object.hasOwn(lexicon?.df ?? {}, whole[0]!);
  return isKnown && /[a-z0-9][_$.A-Z]/.test(concept.surface) ? { ...concept, ways: [whole] } : concept;
}

export function weigh(concepts: Concept[], lexicon?: Lexicon): WeightedConcept[] {
  return concepts.map((given) => {
    const concept = asWritten(given, lexicon);
    return { concept, weight: conceptWeight(concept, lexicon) };
  });
}

/** Share of the weight that is covered, 0 to 1; 0 for a text without concepts. */
export function coverage(concepts: WeightedConcept[], tokens: ReadonlySet<string>): number {
  let all = 0;
  let covered = 0;
  for (const { concept, weight } of concepts) {
    all += weight;
    if (isCovered(concept, tokens)) covered += weight;
  }
  return all === 0 ? 0 : covered / all;
}
