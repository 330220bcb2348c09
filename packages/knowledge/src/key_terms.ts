import { tokenize } from '@cogo/spec/tokenize.ts';
import type { RawChunk } from './languages/chunk.ts';

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
export function keyTerms(path: string, chunks: RawChunk[]): string[] {
  const weights = new Map<string, number>();
  const add = (text: string, weight: number) => {
    for (const [term, count] of counts(tokenize(text))) {
      weights.set(term, (weights.get(term) ?? 0) + weight * (1 + Math.log(count)));
    }
  };
  add(path, 1);
  for (const chunk of chunks) {
    add(chunk.names.join(' '), 2);
    if (chunk.docLines > 0) add(chunk.text.split('\n', chunk.docLines).join('\n'), 0.7);
  }
  add(chunks.map((chunk) => chunk.text).join('\n'), 1);
  return [...weights]
    .filter(([term]) => term.length > 1 && !COMMON.has(term) && !/^\d+$/.test(term))
    .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    .slice(0, KEY_TERMS)
    .map(([term]) => term);
}

function counts(tokens: string[]): Map<string, number> {
  const out = new Map<string, number>();
  for (const token of tokens) out.set(token, (out.get(token) ?? 0) + 1);
  return out;
}
