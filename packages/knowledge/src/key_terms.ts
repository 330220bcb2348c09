import { tokenize } from '@cogo/spec/tokenize.ts';

/** Tokens of a chunk by field, in order. */
export interface ChunkTokens {
  name: string[];
  doc: string[];
  body: string[];
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
export function keyTerms(path: string[], chunks: ChunkTokens[]): string[] {
  const weights = new Map<string, number>();
  const counts = new Map<string, number>();
  const addAll = (tokens: string[], weight: number) => {
    counts.clear();
    for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
    for (const [term, count] of counts) {
      weights.set(term, (weights.get(term) ?? 0) + weight * (1 + Math.log(count)));
    }
  };
  addAll(path, 1);
  for (const chunk of chunks) {
    addAll(chunk.name, 2);
    addAll(chunk.doc, 0.7);
  }
  addAll(
    chunks.flatMap((chunk) => chunk.body),
    1,
  );
  return [...weights]
    .filter(([term]) => term.length > 1 && !COMMON.has(term) && !/^\d+$/.test(term))
    .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    .slice(0, KEY_TERMS)
    .map(([term]) => term);
}
