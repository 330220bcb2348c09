import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A small deterministic generator (mulberry32), so that every run measures the same corpus. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const CONSONANTS = 'bdfgklmnprstv';
const VOWELS = 'aeiou';
/** A word that can be spoken, another for each rank, so that stems, sounds and trigrams have something to do. */
export function spoken(rank: number): string {
  let word = '';
  for (let left = rank + 65; left > 0; left = Math.floor(left / 65))
    word += CONSONANTS[left % 13]! + VOWELS[Math.floor(left / 13) % 5]!;
  return word;
}
/** Two Hangul syllables or more, another word for each rank. */
export function korean(rank: number): string {
  let word = '';
  for (let left = rank + 1000; left > 0; left = Math.floor(left / 1000))
    word += String.fromCharCode(0xac00 + ((left % 1000) * 11 + 7));
  return word;
}

const VERBS = [
  'parse',
  'render',
  'fetch',
  'merge',
  'sign',
  'verify',
  'encode',
  'schedule',
  'retry',
  'throttle',
  'index',
  'rank',
  'split',
  'flush',
  'rotate',
  'archive',
];
const NOUNS = [
  'invoice',
  'session',
  'ledger',
  'payload',
  'webhook',
  'quota',
  'cursor',
  'snapshot',
  'shipment',
  'voucher',
  'tenant',
  'sensor',
  'document',
  'thread',
  'journal',
  'catalog',
  'permit',
  'region',
  'meter',
  'manifest',
];
const WHYS = [
  'because the provider may answer twice',
  'so that a crash loses nothing',
  'until the lease has run out',
  'unless the owner has revoked it',
  'in the order of arrival',
  'within the limits of the plan',
];

export interface Corpus {
  files: number;
  /** Questions whose answer is in the corpus. */
  questions: string[];
}

/**
 * Writes TypeScript files of `perFile` documented functions each into `folder`, `chunks` functions in all: one chunk each
 * for an indexer that splits by symbol.
 */
export function writeCorpus(folder: string, chunks: number, perFile = 10): Corpus {
  const random = seeded(20_260_101);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const questions: string[] = [];
  const files = Math.ceil(chunks / perFile);
  mkdirSync(folder, { recursive: true });
  for (let file = 0; file < files; file++) {
    const parts: string[] = [];
    for (let at = 0; at < perFile && file * perFile + at < chunks; at++) {
      const [verb, first, second, why] = [pick(VERBS), pick(NOUNS), pick(NOUNS), pick(WHYS)];
      const name = `${verb}${title(first)}${title(second)}${file * perFile + at}`;
      parts.push(
        `/** Takes the ${first} of a ${second} and will ${verb} it ${why}. */`,
        `export function ${name}(${first}: string, ${second}: number): string {`,
        `  const ${verb}ed = ${first}.slice(${second} % ${1 + Math.floor(random() * 9)});`,
        `  if (${verb}ed.length > ${Math.floor(random() * 900)}) throw new Error('the ${first} is too long to ${verb}');`,
        `  return \`\${${verb}ed}:\${${second} * ${Math.floor(random() * 100)}}\`;`,
        '}',
        '',
      );
      if (at === 0) questions.push(`How do we ${verb} the ${first} of a ${second} ${why}?`);
    }
    writeFileSync(join(folder, `module_${String(file).padStart(4, '0')}.ts`), parts.join('\n'));
  }
  return { files, questions };
}

function title(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
