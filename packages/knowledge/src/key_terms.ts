import { tokenize } from '@cogo/spec/tokenize.ts';
import type { Places } from './file_terms.ts';

/** Tokens of a chunk by field, in order. */
export interface ChunkTokens {
  name: Places;
  doc: Places;
  body: Places;
}

const KEY_TERMS = 25;

/** Words of every program: common enough that they say nothing about one document. */
const COMMON = new Set(
  tokenize(
    'const let var function return import export from type interface class extends implements new this true false null ' +
      'undefined string number boolean void any unknown never async await if else for while of in as is not and or the a an ' +
      'to by with on it be this that are was will can may must should into out no yes than then when which what how all each ' +
      'default case break continue throw try catch finally static private public protected readonly get set def self none ' +
      'select create table insert update delete where values begin end into returns language object array value key name test',
  ),
);

/**
 * About 25 terms that say what a document is about: what it names counts most, then its headings and comments, then
 * repetition. They go with every chunk of the document, so that a question about the document finds its parts
 * (cheap context: +2 points pass@10 on a contextual retrieval set). Depends on the document alone: an index that
 * grows never changes them.
 */
export function keyTerms(terms: readonly string[], path: Places, chunks: readonly ChunkTokens[]): string[] {
  const weights = new Float64Array(terms.length);
  const counts = new Int32Array(terms.length);
  addAll(1, path);
  for (const { name, doc } of chunks) {
    addAll(2, name);
    addAll(0.7, doc);
  }
  addAll(1, ...chunks.map(({ body }) => body));
  const found: Array<{ term: string; weight: number }> = [];
  for (let place = 0; place < terms.length; place += 1) {
    const term = terms[place]!;
    if (term.length > 1 && !COMMON.has(term) && !/^\d+$/.test(term))
      found.push({ term, weight: weights[place]! });
  }
  return found
    .sort((a, b) => b.weight - a.weight || (a.term < b.term ? -1 : 1))
    .slice(0, KEY_TERMS)
    .map(({ term }) => term);

  function addAll(weight: number, ...lists: Places[]): void {
    const touched: number[] = [];
    for (const list of lists) {
      for (let at = 0; at < list.length; at += 1) {
        const place = list[at]!;
        if (counts[place] === 0) touched.push(place);
        counts[place]! += 1;
      }
    }
    for (const place of touched) {
      weights[place]! += weight * (1 + Math.log(counts[place]!));
      counts[place] = 0;
    }
  }
}
