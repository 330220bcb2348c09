// hash-1024-v1: the default, offline, deterministic embedder. Honest label: lexical, not semantic.
//
// Features: the tokeniser's tokens (weight 2) and character 3- and 4-grams of its words, hashed with a sign into
// 1,024 dimensions (Weinberger et al. 2009, arXiv:0902.2206), value (1 + ln tf), L2 norm 1. A document's side has
// no idf, so its vector never changes when the corpus does; the question's side weighs each feature by idf.
import { scanWords, TOKENIZER_VERSION, type Word } from './tokenize.ts';

export const HASH_MODEL_ID = 'hash-1024-v1';
export const HASH_DIMENSIONS = 1024;
/** What must be equal for two vectors to be comparable. */
export const HASH_FINGERPRINT = `${HASH_MODEL_ID}+${TOKENIZER_VERSION}`;

const TOKEN_WEIGHT = 2;
const SIGN_BIT = 20;

/** Weight of a token in a question: how rare it is. Unit: nats. */
export type Idf = ((term: string) => number) | ReadonlyMap<string, number>;

interface Feature {
  tf: number;
  weight: number;
  /** The token whose idf this feature takes; a gram takes the rarest word it occurs in. */
  terms: Set<string>;
}

/** The vector of a text to be stored. A text without any token gives the zero vector: store no embedding for it. */
export function documentVector(text: string): Float32Array {
  return vectorOfWords([scanWords(text)]);
}

/** ln of small counts, which nearly all are. */
const LOG = Float64Array.from({ length: 256 }, (_, count) => Math.log(count));
const sums = new Float64Array(HASH_DIMENSIONS);

/** The same of a text whose words were scanned already, in any number of lists. */
export function vectorOfWords(lists: ReadonlyArray<readonly Word[]>): Float32Array {
  // Documents repeat the same words, so the features of a word are cut and hashed once and kept (3 times faster).
  if (memory.slots.length > MAX_REMEMBERED) memory = emptyMemory();
  const { slots, weights, counts } = memory;
  const touched: number[] = [];
  for (const words of lists) {
    for (let nth = 0; nth < words.length; nth++) {
      const ids = rememberedFeatures(words[nth]!);
      for (let at = 0; at < ids.length; at++) {
        const id = ids[at]!;
        const count = counts[id]!;
        if (count === 0) touched.push(id);
        counts[id] = count + 1;
      }
    }
  }
  sums.fill(0);
  for (let nth = 0; nth < touched.length; nth++) {
    const id = touched[nth]!;
    const count = counts[id]!;
    sums[slots[id]!]! += weights[id]! * (1 + (count < LOG.length ? LOG[count]! : Math.log(count)));
    counts[id] = 0;
  }
  return normalised(sums);
}

/** The vector of a question. `idf` from `idfOfLexicon`; without one all features weigh the same (cold start). */
export function queryVector(text: string, idf?: Idf): Float32Array {
  if (idf === undefined) return vectorOf(text, () => 1);
  return vectorOf(text, typeof idf === 'function' ? idf : (term) => idf.get(term) ?? unseen(idf));
}

/** idf from the answer of `cogo_api.lexicon`: ln((n + 1) / (df + 0.5)), a term without df counts as never seen. */
export function idfOfLexicon(lexicon: { n: number; df: Record<string, number> }): (term: string) => number {
  const df = new Map(Object.entries(lexicon.df));
  return (term) => Math.max(Math.log((lexicon.n + 1) / ((df.get(term) ?? 0) + 0.5)), 0);
}

/** pgvector's text form, five significant digits (halfvec keeps about three); `null` for the zero vector. */
export function toHalfvecText(vector: Float32Array): string | null {
  if (isZeroVector(vector)) return null;
  const parts: string[] = [];
  for (const value of vector) parts.push(value === 0 ? '0' : String(Number(value.toPrecision(5))));
  return `[${parts.join(',')}]`;
}

/** Of halfvec's range of 65,504; small enough to leave room, large enough that rounding to whole numbers is half's own. */
const DIRECTION_SCALE = 30_000;

/**
 * pgvector's sparse text form of a vector's direction, in whole numbers: a third shorter than `toHalfvecText` and read four times as
 * fast, for a vector of which two thirds are zero. Not of norm 1, so for cosine only. `null` for the zero vector.
 */
export function toSparseDirection(vector: Float32Array): string | null {
  // Digit by digit into bytes: some 350 small strings a chunk were a tenth of all reading.
  if (digits.length < vector.length * MAX_DIGITS) digits = new Uint8Array(vector.length * MAX_DIGITS);
  let end = 0;
  for (let at = 0; at < vector.length; at++) {
    const value = Math.round(vector[at]! * DIRECTION_SCALE);
    if (value === 0) continue;
    if (end > 0) digits[end++] = COMMA;
    end = writeNumber(end, at + 1);
    digits[end++] = COLON;
    if (value < 0) digits[end++] = MINUS;
    end = writeNumber(end, Math.abs(value));
  }
  return end === 0 ? null : `{${decoder.decode(digits.subarray(0, end))}}/${vector.length}`;
}

const [ZERO, COMMA, COLON, MINUS] = [0x30, 0x2c, 0x3a, 0x2d];
const decoder = new TextDecoder('latin1');
/** Of a place, a value and their marks. */
const MAX_DIGITS = 24;
let digits = new Uint8Array(0);

/** Writes a whole number from 0 in decimal digits; where they end. */
function writeNumber(at: number, value: number): number {
  let length = 1;
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) length++;
  let rest = value;
  for (let place = at + length - 1; place >= at; place--) {
    const next = Math.floor(rest / 10);
    digits[place] = ZERO + rest - next * 10;
    rest = next;
  }
  return at + length;
}

export function isZeroVector(vector: Float32Array): boolean {
  return vector.every((value) => value === 0);
}

/** Dot product; the cosine, since vectors here have norm 1 (or 0). */
export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/**
 * A question's vector before idf: `[dimension, value, term, …]` a feature, each to be weighed by the idf of its rarest
 * term. For a database that knows the frequencies and makes the vector itself.
 */
export function queryFeatures(text: string): [number, number, ...string[]][] {
  return [...featuresOf(text)].map(([name, { tf, weight, terms }]) => {
    const hash = crc32(name);
    const sign = (hash >>> SIGN_BIT) & 1 ? 1 : -1;
    return [hash % HASH_DIMENSIONS, sign * weight * (1 + Math.log(tf)), ...terms];
  });
}

function vectorOf(text: string, idf: (term: string) => number): Float32Array {
  const sums = new Float64Array(HASH_DIMENSIONS);
  for (const [dimension, value, ...terms] of queryFeatures(text)) {
    sums[dimension]! += value * Math.max(0, ...terms.map(idf));
  }
  return normalised(sums);
}

function normalised(sums: Float64Array): Float32Array {
  let norm = 0;
  for (const value of sums) norm += value * value;
  const scale = norm === 0 ? 0 : 1 / Math.sqrt(norm);
  const unit = new Float32Array(sums.length);
  for (let i = 0; i < sums.length; i++) unit[i] = sums[i]! * scale;
  return unit;
}

/** Features get a number when first seen; `slots` and `weights` (signed) are by that number, `counts` are zero between two texts. */
interface Memory {
  ids: Map<string, number>;
  slots: number[];
  weights: number[];
  counts: number[];
  /** Identifiers come from the tokeniser as the same object again and again, and have them by themselves; others by what they are. */
  spelled: Map<string, number[]>;
}

/** Features; about 100 MB at most, then it starts anew. */
const MAX_REMEMBERED = 400_000;
let memory = emptyMemory();

function emptyMemory(): Memory {
  return { ids: new Map(), slots: [], weights: [], counts: [], spelled: new Map() };
}

function rememberedFeatures(word: Word): readonly number[] {
  if (word.features?.of === memory) return word.features.ids;
  const key = `${word.tokens.join(' ')}|${word.pieces.map((piece) => piece.text).join(' ')}`;
  let ids = memory.spelled.get(key);
  if (ids === undefined) {
    ids = [...namesOf(word)].map(({ name, weight }) => {
      const known = memory.ids.get(name);
      if (known !== undefined) return known;
      const hash = crc32(name);
      const id = memory.slots.length;
      memory.ids.set(name, id);
      memory.slots.push(hash % HASH_DIMENSIONS);
      memory.weights.push((hash >>> SIGN_BIT) & 1 ? weight : -weight);
      memory.counts.push(0);
      return id;
    });
    memory.spelled.set(key, ids);
  }
  word.features = { of: memory, ids };
  return ids;
}

/** The features of one word, with repetitions. */
function* namesOf(word: Word): Generator<{ name: string; weight: number; term: string }> {
  for (const token of word.tokens) yield { name: `w${token}`, weight: TOKEN_WEIGHT, term: token };
  for (const piece of word.pieces) {
    const characters = [...`^${piece.text}$`];
    for (const size of [3, 4]) {
      for (let i = 0; i + size <= characters.length; i++) {
        yield { name: `${size}${characters.slice(i, i + size).join('')}`, weight: 1, term: piece.term };
      }
    }
  }
}

function featuresOf(text: string): Map<string, Feature> {
  const features = new Map<string, Feature>();
  for (const word of scanWords(text)) {
    for (const { name, weight, term } of namesOf(word)) {
      const known = features.get(name);
      if (known === undefined) features.set(name, { tf: 1, weight, terms: new Set([term]) });
      else {
        known.tf++;
        known.terms.add(term);
      }
    }
  }
  return features;
}

// A map lists the terms it knows; what it does not list is at least as rare as its rarest.
function unseen(idf: ReadonlyMap<string, number>): number {
  let rarest = 1;
  for (const value of idf.values()) rarest = Math.max(rarest, value);
  return rarest;
}

const encoder = new TextEncoder();
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value >>> 0;
});

/** CRC-32 (ISO-HDLC) of the UTF-8 bytes; every language has it, which keeps the vector portable. */
export function crc32(text: string): number {
  let crc = 0xffffffff;
  for (const byte of encoder.encode(text)) crc = CRC_TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
