import { soundOfHangul } from '@cogo/spec/sound_key.ts';
import { stripJosa, tokenize } from '@cogo/spec/tokenize.ts';
import {
  isKoreanFiller,
  isKoreanHowTo,
  isKoreanScaffolding,
  koreanVerbStem,
  translateKorean,
} from './korean_terms.ts';
import { codeWordsOf, isLanguageName, taskWordsOf } from './programming_terms.ts';
import { asksForSql, isIssueLike } from './question_kind.ts';
import { otherForms } from './word_forms.ts';

export type Language = 'en' | 'ko';

/**
 * What kind of question it is decides how it is searched.
 * `symbol` an identifier alone, `path` a file name, `ko` Korean, `sql` about the database, `issue` a title or an error that
 * asks which files to change, `docs` how to use something, `code` everything else.
 */
export type Route = 'symbol' | 'path' | 'ko' | 'sql' | 'issue' | 'docs' | 'code';

/** One word of a question that carries meaning. An answer speaks of it when any of `ways` is in its text. */
export interface Concept {
  surface: string;
  /** Alternatives; each is a set of tokens that must all be there. */
  ways: string[][];
  /** Written as the name of something (MySQL, Jupiter). */
  isName?: boolean;
}

export interface Question {
  text: string;
  language: Language;
  route: Route;
  /** Search terms with their weight relative to the question's own words (1). */
  terms: Record<string, number>;
  concepts: Concept[];
  /** Korean words whose English wording is searched for as well: tokens of the one and of the other. */
  translated: Array<{ korean: string[]; english: string[]; sound?: string }>;
  /** English words as written, in lower case: one the corpus does not know may be misspelt. */
  words: string[];
  /** Asks how to do something, rather than how it is built. */
  howTo: boolean;
  /** Asks what one thing is: where its README opens, that is the answer. */
  overview: boolean;
  /** `place`: where something is, or one thing by its name. `account`: how, what, why, which. Else `words`. */
  asks: 'place' | 'account' | 'words';
  /** Identifiers and paths as written, without quotes: `indexRepository`, `cogo_api.search`. */
  identifiers: string[];
}

/** A translated word counts a little less than one the asker wrote. */
const TRANSLATION_WEIGHT = 0.8;
const SCAFFOLDING_WEIGHT = 0.5;
/** Of several forms of a word at most one is meant: at 0.8 each CoSQA had .358, at 0.5 .369 (Cranfield +.5 [.1, 1.0]). */
const FORM_WEIGHT = 0.5;
/** What code would write for a word of the question is a guess. */
const CODE_WORD_WEIGHT = 0.3;
const LANGUAGE_WEIGHT = 0.2;
/** What no database takes: NUL, and half a surrogate pair. */
const UNSTORABLE = /\0|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const MAX_TERMS = 200;
/** In the sources of a thing nearly every file names it; this brings its README among the candidates. */
const README_WEIGHT = 1;
const ASKS_WHAT =
  /^\s*what(?:'s|\s+is|\s+does|\s+are|\s+do)\b|(?:은|는|이|가|란)?\s*(?:무엇|뭐|뭔|어떤 (?:프로젝트|제품|도구))/i;

/** Reads a question once for everything that follows. Pure; linear in its length. */
export function readQuestion(raw: string): Question {
  const text = raw.replace(UNSTORABLE, ' ').normalize('NFC').trim();
  const language: Language = /[가-힣]/.test(text) ? 'ko' : 'en';
  const written = wordsOf(text);
  const kept = written.filter((word) => !isScaffolding(word));
  const asked = kept.length > 0 ? kept : written;
  const identifiers = findIdentifiers(text);
  const terms: Record<string, number> = Object.create(null) as Record<string, number>;
  const add = (term: string, weight: number) => {
    if (Object.keys(terms).length < MAX_TERMS || term in terms) terms[term] = (terms[term] ?? 0) + weight;
  };
  const concepts: Concept[] = [];
  const translated: Question['translated'] = [];
  const words = new Set<string>();
  for (const surface of asked) {
    // Terms keep the ending: in Korean text it tells passages apart (react-ko-learn, MRR .464 against .445).
    const word = /[가-힣]/.test(surface) ? koreanVerbStem(surface) : surface;
    const own = tokenize(surface, { query: true });
    if (own.length === 0) continue;
    // In Korean text its name stands out, as in `JavaScript 문법`.
    const ownWeight = language === 'en' && isLanguageName(surface) ? LANGUAGE_WEIGHT : 1;
    for (const token of own) add(token, ownWeight);
    const other = otherForms(word);
    for (const token of other) if (!own.includes(token)) add(token, FORM_WEIGHT);
    const translations = /[가-힣]/.test(word) ? translateKorean(stripJosa(word)) : [];
    // A Korean word may be an English one by its sound: whether, the corpus decides.
    const sound = /[가-힣]/.test(word) ? soundOfHangul(stripJosa(word)) : undefined;
    if (translations.length > 0 || sound !== undefined) {
      translated.push({
        korean: own,
        english: translations.flat().flatMap((english) => waysOf(english).flat()),
        ...(sound === undefined ? {} : { sound }),
      });
    }
    if (/^[A-Za-z]{5,24}$/.test(word)) words.add(word.toLowerCase());
    for (const group of translations) {
      for (const english of group)
        for (const token of tokenize(english)) add(token, TRANSLATION_WEIGHT / group.length);
    }
    if (!isKoreanFiller(surface))
      concepts.push(
        ...conceptsOf(word, word === surface ? own : tokenize(word), other, translations).map((concept) =>
          isNameIn(text, surface) ? { ...concept, isName: true } : concept,
        ),
      );
  }
  const route = routeOf(text, asked, identifiers, language);
  // Who knows the names of the project says them.
  const isPlain = identifiers.length === 0 && (route === 'docs' || route === 'code');
  for (const surface of asked) {
    const written = isPlain ? [...codeWordsOf(surface), ...taskWordsOf(surface)] : codeWordsOf(surface);
    for (const token of written.flatMap((word) => tokenize(word)))
      if (!(token in terms)) add(token, CODE_WORD_WEIGHT);
  }
  // Words that ask are also words of the text ("get a list of"); they count, but carry no meaning of their own.
  if (kept.length > 0) {
    for (const word of written) {
      if (kept.includes(word) || /[가-힣]/.test(word) || ASKING.has(word.toLowerCase())) continue;
      for (const token of tokenize(word, { query: true }))
        if (!(token in terms)) add(token, SCAFFOLDING_WEIGHT);
    }
  }
  const things = unique(concepts);
  const overview = ASKS_WHAT.test(text) && things.length === 1;
  if (overview) add('readme', README_WEIGHT);
  return {
    text,
    language,
    route,
    terms: { ...terms },
    concepts: things,
    translated: translated.slice(0, MAX_TERMS),
    words: [...words].slice(0, 30),
    identifiers,
    howTo: isHowTo(text),
    overview,
    asks: asksOf(text, identifiers, language),
  };
}

const ASKS_WHERE =
  /^\W*(?:(?:in|from) which|where)\b|\bwhich (?:\w+ )?(?:file|function|method|class|module|type|interface|constant|folder|package|script|line)\b|어디(?:에|서|인|지|$)|어느 (?:파일|함수|메서드|클래스|모듈|타입|폴더|패키지)/i;
const ASKS_ABOUT =
  /^\W*(?:how|what|why|when|which|who|whose|can|could|does|do|did|is|are|may|must|should|will|explain|describe)\b|\?\s*$|[가-힣]/i;

/** A place is answered by code, an account by the manual where there is one. */
function asksOf(text: string, identifiers: string[], language: Language): Question['asks'] {
  // `What does parseFrame do?` asks for one thing by its name.
  if (
    ASKS_WHERE.test(text) ||
    (identifiers.length > 0 && language === 'en' && /\bdoes?\b.*\bdo\b/i.test(text))
  )
    return 'place';
  return ASKS_ABOUT.test(text) ? 'account' : 'words';
}

/** Hangul is cut from what it is written against: `lease가` is `lease` and a particle. */
const WORD =
  /[가-힣]+|(?:(?![가-힣])[\p{L}\p{N}_$])(?:(?:(?![가-힣])[\p{L}\p{N}_$.\-/])*(?![가-힣])[\p{L}\p{N}_$])?/gu;

const PARTICLE =
  /^(?:은|는|이|가|을|를|의|에|와|과|도|로|만|나|란|에서|에게|으로|까지|부터|이나|에는|보다|처럼|라는|이란)$/;

/** `revoke하려면`, `deploy되나요`: what makes a verb of a Latin word. */
const VERBAL = /^(?:하|되|합|됩|했|됐|해|돼|한|된|할|될|시키)[가-힣]{0,4}$/;

/** The words of a question; a particle or verb ending written against a Latin word is none. */
function wordsOf(text: string): string[] {
  return [...text.matchAll(WORD)]
    .filter(
      ({ 0: word, index }) =>
        !((PARTICLE.test(word) || VERBAL.test(word)) && /[^\s가-힣]/.test(text[index - 1] ?? ' ')),
    )
    .map(([word]) => word);
}

/** Words that ask instead of saying what about; the tokeniser drops the commonest English ones itself. */
const SCAFFOLDING = new Set(
  (
    'a an the of to in on for and or is are was were be been being am do does did done doing has have had having how what when which ' +
    'who whose where why will would can could should shall may might must i me my we us our you your it its they them their this that ' +
    'these those there here with from by at as into via about if then than so not no any some all each every please explain describe ' +
    'tell show give list find look help want need know understand mean means meaning happen happens happened work works working used ' +
    'use uses using get gets got go goes make makes made let lets way ways thing things kind kinds exactly actually ' +
    'really just only also still code codebase repo repository project implemented implementation implement implements defined ' +
    'definition define handle handled handles located live lives inside between called call once twice'
  ).split(' '),
);

/** Those that say nothing even about a text: the tokeniser's stop words, and their like. */
const ASKING = new Set(
  (
    'a an the of to in on for and or is are was were be been being am do does did have has had how what when which who whose where ' +
    'why will would can could should shall may might must i me my we us our you your it its they them their this that these those ' +
    'there here with from by at as into via about if then than so please explain describe tell show'
  ).split(' '),
);

function isScaffolding(word: string): boolean {
  return /[가-힣]/.test(word) ? isKoreanScaffolding(word) : SCAFFOLDING.has(word.toLowerCase());
}

/** A capital inside the sentence or inside the word; not an identifier, which is in code or nowhere. */
function isNameIn(text: string, word: string): boolean {
  if (/[_.\-/$\d]|^[a-z]+[A-Z][a-z]/.test(word)) return false;
  return /^[A-Z]/.test(word)
    ? text.indexOf(word) > 0 || /^[A-Z][A-Za-z]*[A-Z]/.test(word)
    : /[A-Z]/.test(word);
}

/** MySQL, GraphQL, iOS: capitals that no camelCase has, so its parts are not its meaning. */
const BRAND = /^(?:[A-Z][a-z]+[A-Z]{2,}|[a-z][A-Z]{2})$/;

function conceptsOf(word: string, own: string[], other: string[], translations: string[][]): Concept[] {
  if (!/[가-힣]/.test(word)) {
    const [whole, ...parts] = own;
    // `camelCase` is said by the whole identifier or by all of its parts.
    const ways = [[whole!], BRAND.test(word) ? [] : parts, ...other.map((token) => [token])].filter(
      (way) => way.length > 0,
    );
    return [{ surface: word, ways }];
  }
  const literal = own.filter((token) => token.startsWith('='));
  const bigrams = own.filter((token) => !token.startsWith('='));
  const ways = [literal, ...(bigrams.length > 0 ? [bigrams.slice(0, Math.ceil(bigrams.length * 0.6))] : [])];
  if (translations.length <= 1) {
    const english = (translations[0] ?? []).flatMap(waysOf);
    return [{ surface: word, ways: [...ways, ...english].filter((way) => way.length > 0) }];
  }
  // A compound (작업큐) speaks of each of its parts, or is there as a whole.
  return translations.map((group, index) => ({
    surface: `${word}/${index}`,
    ways: [literal, ...group.flatMap(waysOf)].filter((way) => way.length > 0),
  }));
}

/** An English word as tokens, and its other forms. */
function waysOf(english: string): string[][] {
  return [tokenize(english), ...otherForms(english).map((token) => [token])];
}

function unique(concepts: Concept[]): Concept[] {
  const seen = new Map<string, Concept>();
  for (const concept of concepts) seen.set(JSON.stringify(concept.ways), concept);
  return [...seen.values()];
}

/** What is written like code: quoted with backticks, camelCase, snake_case, dotted, or a path. */
function findIdentifiers(text: string): string[] {
  const found = new Set<string>();
  for (const match of text.matchAll(/`([^`]+)`/g)) found.add(match[1]!.trim().replace(/\(\)$/, ''));
  const bare = /[A-Za-z_$][\w$]*(?:[./:-][\w$]+)*(?:\(\))?/g;
  for (const [word] of text.matchAll(bare)) {
    const name = word.replace(/\(\)$/, '');
    if (/[a-z0-9][A-Z]|[A-Z]{2,}[a-z]|_|[\w$]\.[\w$]|\w\/\w/.test(name) || word.endsWith('()'))
      found.add(name);
  }
  return [...found].filter((name) => name.length > 1);
}

function routeOf(text: string, words: string[], identifiers: string[], language: Language): Route {
  const bare = text.replace(/[`?!.]+$/g, '').replace(/^`/, '');
  if (!/\s/.test(bare)) {
    if (/[\w-]\/[\w-]|\.(?:ts|tsx|js|mjs|sql|md|json|py|go|rs|yml|yaml|toml)$/.test(bare)) return 'path';
    if (language === 'en') return 'symbol';
  }
  if (identifiers.length > 0 && words.length <= identifiers.length && language === 'en') return 'symbol';
  if (language === 'ko') return 'ko';
  if (asksForSql(text)) return 'sql';
  if (isIssueLike(text)) return 'issue';
  return isHowTo(text) ? 'docs' : 'code';
}

/** Someone who wants to do something or learn what it is, not how it is built: documents answer that. */
function isHowTo(text: string): boolean {
  return (
    /\b(?:install|set ?up|getting started|licen[cs]e|guide|documentation|docs|readme|tutorial|contribut)/i.test(
      text,
    ) ||
    /\bhow (?:do|can|should|would) (?:i|we|you)\b|\bhow to\b/i.test(text) ||
    isKoreanHowTo(text) ||
    /^what (?:is|are) (?:an? |the )?[\w-]+\W*$/i.test(text)
  );
}
