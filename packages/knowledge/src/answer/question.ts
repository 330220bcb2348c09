import { stripJosa, tokenize } from '@cogo/spec/tokenize.ts';
import { translateKorean } from './korean_terms.ts';

export type Language = 'en' | 'ko';

/**
 * What kind of question it is decides how much the vector counts.
 * `symbol` an identifier alone, `path` a file name, `ko` Korean, `docs` how to use something, `code` everything else.
 */
export type Route = 'symbol' | 'path' | 'ko' | 'docs' | 'code';

/** One word of a question that carries meaning. An answer speaks of it when any of `ways` is in its text. */
export interface Concept {
  surface: string;
  /** Alternatives; each is a set of tokens that must all be there. */
  ways: string[][];
}

export interface Question {
  text: string;
  language: Language;
  route: Route;
  /** Search terms with their weight relative to the question's own words (1). */
  terms: Record<string, number>;
  concepts: Concept[];
  /** Identifiers and paths as written, without quotes: `indexRepository`, `cogo_api.search`. */
  identifiers: string[];
}

/** A translated word counts a little less than one the asker wrote. */
const TRANSLATION_WEIGHT = 0.8;
const MAX_TERMS = 200;

/** Reads a question once for everything that follows. Pure; linear in its length. */
export function readQuestion(raw: string): Question {
  const text = raw.normalize('NFC').trim();
  const language: Language = /[가-힣]/.test(text) ? 'ko' : 'en';
  const words = text.match(WORD) ?? [];
  const kept = words.filter((word) => !isScaffolding(word));
  const asked = kept.length > 0 ? kept : words;
  const identifiers = findIdentifiers(text);
  const terms: Record<string, number> = Object.create(null) as Record<string, number>;
  const add = (term: string, weight: number) => {
    if (Object.keys(terms).length < MAX_TERMS || term in terms) terms[term] = (terms[term] ?? 0) + weight;
  };
  const concepts: Concept[] = [];
  for (const word of asked) {
    const own = tokenize(word, { query: true });
    if (own.length === 0) continue;
    for (const token of own) add(token, 1);
    const translations = /[가-힣]/.test(word) ? translateKorean(stripJosa(word)) : [];
    for (const group of translations) {
      for (const english of group)
        for (const token of tokenize(english)) add(token, TRANSLATION_WEIGHT / group.length);
    }
    concepts.push(...conceptsOf(word, own, translations));
  }
  return {
    text,
    language,
    route: routeOf(text, asked, identifiers, language),
    terms: { ...terms },
    concepts: unique(concepts),
    identifiers,
  };
}

const WORD = /[가-힣]+|[\p{L}\p{N}_$][\p{L}\p{N}_$.\-/]*[\p{L}\p{N}_$]|[\p{L}\p{N}_$]/gu;

/** Words that ask instead of saying what about; the tokeniser drops the commonest English ones itself. */
const SCAFFOLDING = new Set(
  (
    'a an the of to in on for and or is are was were be been being am do does did done doing has have had having how what when which ' +
    'who whose where why will would can could should shall may might must i me my we us our you your it its they them their this that ' +
    'these those there here with from by at as into via about if then than so not no any some all each every please explain describe ' +
    'tell show give list find look help want need know understand mean means meaning happen happens happened work works working used ' +
    'use uses using get gets got go goes make makes made let lets way ways thing things kind kinds exactly actually ' +
    'really just only also still code codebase repo repository project implemented implementation implement implements defined ' +
    'definition define handle handled handles located live lives inside between called call'
  ).split(' '),
);

const KOREAN_SCAFFOLDING =
  /^(?:어떻게|어떤|어떠한|어디(?:에|서|에서|에는|인가요|인지|에서는)?|언제|누가|누구|왜|무엇(?:을|이|인가요|인지|인가|을|입니까)?|무슨|뭐(?:야|가|를|예요|에요)?|뭘|얼마나|몇|이|그|저|것|수|때|등|및|또는|그리고|대해|대한|대해서|관해|관한|위해|위한|통해|하는|하고|하면|하나요|하는지|합니까|한다|하지|해|해서|해줘|해주세요|하여|했을|할|할까요|함|되는|되나요|되는지|되면|됩니까|된|될|돼|돼요|되어|있는|있나요|있는지|있습니까|있어|있어요|없는|없나요|인가요|인지|입니까|이란|란|이야|일까요|알려(?:줘|주세요|줄래)?|설명(?:해|해줘|해주세요|하라|하세요)?|보여(?:줘|주세요)?|찾아(?:줘|주세요)?|코드|프로젝트|방법(?:은|이|을)?|경우|정의(?:되어|된|되나요|돼)?|구현(?:되어|된|되나요|돼)?|사용(?:하는|하나요|되나요|되는|해|하려면)?|동작(?:하는|하나요|해)?|나요|까요|가요)$/;

function isScaffolding(word: string): boolean {
  return /[가-힣]/.test(word) ? KOREAN_SCAFFOLDING.test(word) : SCAFFOLDING.has(word.toLowerCase());
}

function conceptsOf(word: string, own: string[], translations: string[][]): Concept[] {
  if (!/[가-힣]/.test(word)) {
    const [whole, ...parts] = own;
    // `camelCase` is said by the whole identifier or by all of its parts.
    return [{ surface: word, ways: parts.length > 0 ? [[whole!], parts] : [[whole!]] }];
  }
  const literal = own.filter((token) => token.startsWith('='));
  const bigrams = own.filter((token) => !token.startsWith('='));
  const ways = [literal, ...(bigrams.length > 1 ? [bigrams.slice(0, Math.ceil(bigrams.length * 0.6))] : [])];
  if (translations.length <= 1) {
    const english = (translations[0] ?? []).map((one) => tokenize(one));
    return [{ surface: word, ways: [...ways, ...english].filter((way) => way.length > 0) }];
  }
  // A compound (작업큐) speaks of each of its parts, or is there as a whole.
  return translations.map((group, index) => ({
    surface: `${word}/${index}`,
    ways: [literal, ...group.map((one) => tokenize(one))].filter((way) => way.length > 0),
  }));
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
  if (
    /\b(?:install|set ?up|configure|getting started|licen[cs]e|guide|documentation|docs|readme|tutorial|contribut)/i.test(
      text,
    )
  ) {
    return 'docs';
  }
  return 'code';
}
