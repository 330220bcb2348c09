// The one tokeniser: index, query, hash vectors and groundedness all read text through it.
//
//   text (NFC) -> words -> tokens
//   identifier  getUserById2  -> getuserbyid2 get user by id 2     whole + camel/snake/digit parts, light stem
//   Hangul      학교에서는    -> 학교 교에 에서 서는 =학교           bigrams + stem with the particle (josa) stripped
//   Han, Kana   検索          -> bigrams
//   digits      8080          -> 8080
//   other       слово         -> whole, lower case
//
// Any change of its output needs a new TOKENIZER_VERSION: the version is stored with every row it made.

export const TOKENIZER_VERSION = 'tok-1';

/** UTF-16 units. Longer runs are blobs (base64, minified), and an index entry must stay small. */
export const MAX_TOKEN_LENGTH = 64;

export interface Word {
  /** What the index stores for this word, in order. */
  tokens: string[];
  /** Unstemmed lower-case pieces for character n-grams, each with the token that carries its idf. */
  pieces: { text: string; term: string }[];
  /** What the hash vector makes of it, kept here by it. */
  features?: { of: unknown; ids: readonly number[] };
}

export interface TokenizeOptions {
  /** Drops stop words, unless nothing else is left. Never set it when indexing. */
  query?: boolean;
}

// Words that carry nothing in a question. English only: Korean particles are stripped with the stem.
const STOP_WORDS = new Set(
  (
    'a an the of to in on for and or is are be how does do what with that this by from it as at into via ' +
    'their its can when which who where why will not if'
  ).split(' '),
);

// Longest first within a length class, so that 에서는 is not cut as 는.
const JOSA = (
  '으로서 으로써 에게서 에서는 으로는 이라는 라는 에서 에게 으로 까지 부터 처럼 보다 이나 에는 와의 과의 들은 들이 들을 들의 ' +
  '은 는 이 가 을 를 의 에 와 과 도 로 만 나'
).split(' ');

const SUFFIXES = 'ization izations ations ation ings ing ers ies ied ed es s er ly'.split(' ');
const MIN_STEM = 4;

// One alternative per script. Latin, Greek and Cyrillic share the identifier rule; marks belong to their letter.
const WORD =
  /([가-힣]+)|([\p{Script=Han}々〇]+|[\p{Script=Hiragana}\p{Script=Katakana}ー]+)|([\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}_$][\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{M}0-9_$]*)|([0-9]+)|(\p{L}[\p{L}\p{M}]*?(?=[^\p{L}\p{M}]|$|[가-힣\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}]))/gu;
const PARTS = /[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+/g;
const PARTS_UNICODE = /\p{Lu}+(?=\p{Lu}\p{Ll})|\p{Lu}?[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|\p{Lu}\p{M}*|[0-9]+/gu;
const ASCII = /^[\x20-\x7e]*$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are ASCII too, and separate words
const ASCII_TEXT = /^[\x00-\x7f]*$/;
/** Of each ASCII character: 0 separates words, 1 is a digit, 2 begins an identifier. */
const ASCII_CLASS = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  return /[0-9]/.test(character) ? 1 : /[A-Za-z_$]/.test(character) ? 2 : 0;
});

/** Tokens of a text in order, with repetitions. Linear in the length of the text; pure. */
export function tokenize(text: string, options: TokenizeOptions = {}): string[] {
  const all: string[] = [];
  for (const word of scanWords(text)) for (const token of word.tokens) all.push(token);
  if (!options.query) return all;
  const kept = all.filter((token) => !STOP_WORDS.has(token));
  return kept.length === 0 ? all : kept;
}

/** The words of a text in order; `tokenize` and the hash vector are both built on it. Words that repeat are one object. */
export function scanWords(text: string): Word[] {
  // Most source code is ASCII, where two alternatives are left and no class of Unicode has to be asked.
  if (ASCII_TEXT.test(text)) return asciiWords(text);
  const words: Word[] = [];
  for (const match of text.normalize('NFC').matchAll(WORD)) {
    const [whole, hangul, cjk, identifier] = match;
    if (hangul !== undefined) words.push(hangulWord(hangul));
    else if (cjk !== undefined) words.push(cjkWord(cjk));
    else if (identifier !== undefined) {
      const word = rememberedIdentifier(identifier);
      if (word.tokens.length > 0) words.push(word);
    } else words.push(plainWord(whole));
  }
  return words;
}

function asciiWords(text: string): Word[] {
  const words: Word[] = [];
  const end = text.length;
  for (let at = 0; at < end; ) {
    const kind = ASCII_CLASS[text.charCodeAt(at)];
    if (kind === 0) {
      at += 1;
      continue;
    }
    const start = at;
    at += 1;
    // an identifier goes on with digits, a number only with them
    if (kind === 2) while (at < end && ASCII_CLASS[text.charCodeAt(at)] !== 0) at += 1;
    else while (at < end && ASCII_CLASS[text.charCodeAt(at)] === 1) at += 1;
    const surface = text.slice(start, at);
    const word = kind === 2 ? rememberedIdentifier(surface) : plainWord(surface);
    if (word.tokens.length > 0) words.push(word);
  }
  return words;
}

/** Identifiers repeat: each is taken apart once. */
const MAX_REMEMBERED = 50_000;
const remembered = new Map<string, Word>();

function rememberedIdentifier(surface: string): Word {
  let word = remembered.get(surface);
  if (word === undefined) {
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    word = identifierWord(surface);
    if (surface.length <= MAX_TOKEN_LENGTH) remembered.set(surface, word);
  }
  return word;
}

function identifierWord(surface: string): Word {
  const parts = (surface.match(ASCII.test(surface) ? PARTS : PARTS_UNICODE) ?? []).map((part) =>
    clip(part.toLowerCase()),
  );
  const pieces = parts.map((part) => ({ text: part, term: stem(part) }));
  const tokens = pieces.map((piece) => piece.term);
  if (parts.length > 1 && surface.length <= MAX_TOKEN_LENGTH) tokens.unshift(surface.toLowerCase());
  return { tokens, pieces };
}

function hangulWord(run: string): Word {
  const term = `=${clip(stripJosa(run))}`;
  return { tokens: [...bigrams(run), term], pieces: [{ text: clip(run), term }] };
}

function cjkWord(run: string): Word {
  const characters = [...run];
  const tokens = characters.length === 1 ? [run] : pairs(characters);
  return { tokens, pieces: tokens.map((token) => ({ text: token, term: token })) };
}

function plainWord(surface: string): Word {
  const token = clip(surface.toLowerCase());
  return { tokens: [token], pieces: [{ text: token, term: token }] };
}

/** Light English stem: one suffix, never leaving fewer than four letters. */
export function stem(word: string): string {
  for (const suffix of SUFFIXES) {
    if (word.length - suffix.length >= MIN_STEM && word.endsWith(suffix))
      return word.slice(0, -suffix.length);
  }
  return word;
}

/** A Hangul word without its particle; words of one or two syllables stay whole. */
export function stripJosa(word: string): string {
  if (word.length <= 2) return word;
  for (const josa of JOSA) {
    if (word.length > josa.length && word.endsWith(josa)) return word.slice(0, -josa.length);
  }
  return word;
}

// Hangul syllables are one UTF-16 unit each; a run of one has no bigram and is found by its `=` stem.
function bigrams(run: string): string[] {
  const out: string[] = [];
  for (let i = 0; i + 2 <= run.length; i++) out.push(run.slice(i, i + 2));
  return out;
}

function pairs(characters: string[]): string[] {
  const out: string[] = [];
  for (let i = 0; i + 2 <= characters.length; i++) out.push(characters[i]! + characters[i + 1]!);
  return out;
}

// Cut between code points: half a surrogate pair is not a character and no database takes it.
function clip(token: string): string {
  if (token.length <= MAX_TOKEN_LENGTH) return token;
  const high = token.charCodeAt(MAX_TOKEN_LENGTH - 1);
  return token.slice(0, high >= 0xd800 && high <= 0xdbff ? MAX_TOKEN_LENGTH - 1 : MAX_TOKEN_LENGTH);
}
