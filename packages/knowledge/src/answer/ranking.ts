import type { Question, Route } from './question.ts';
import { objectNames } from './question_kind.ts';

/** Strengths of the ranking features of `cogo_api.search`, as shares of the best base score. */
export const STRENGTHS = {
  definition: 0.6,
  symbol: 0.12,
  file: 0.4,
  folder: 0.08,
  /** The kind or language the question names ("the SQL function that …"). */
  kind: 0.1,
  coherence: 0.15,
  /** A section of a document, when someone asks how to do something. */
  document: 0.35,
  /** The opening of the README, when someone asks what the thing is that its title names. */
  overview: 0.9,
};

/** Factors on what is beside the point. */
export const FACTORS = {
  /** Chunks that show or test the thing instead of being it. */
  test: 0.65,
  barrel: 0.7,
  migration: 0.85,
  data: 0.8,
  /** A text already listed. */
  copy: 0.4,
  /** Each further chunk of a file already listed. */
  repeat: 0.95,
};

/**
 * How much it counts that one sentence has the question's words together, or three neighbouring ones do. For prose and
 * for how-to questions: someone who asks where code is asks about a whole symbol, and loses by it (zod NDCG@10 .68 to .65).
 */
const CLOSE: Partial<Record<Route, { close: number; close_lines: 1 | 3; phrase?: number }>> = {
  // phrase: what stands side by side in the question does in the passage that answers it (KorQuAD, every third question, MRR +.4 [.1, .6])
  ko: { close: 0.3, close_lines: 1, phrase: 0.6 },
  docs: { close: 0.4, close_lines: 3 },
};

/**
 * Who reports an issue asks for files. What counts then is how much of the report a file has in all its chunks together, and
 * what its tests say. Fitted on titles of changes of six repositories (hono, zod, vue, fastify, vitest, trpc; 450): hit@5 .747 to .776.
 * Questions of how and where lose by both.
 */
const ISSUE = { cover: 0.7, tested: 0.4 };

/** Questions about the database: what SQL defines goes before code that speaks of it. */
const SQL = { language: 0.6, in_language: 'sql' };

/** What `cogo_api.search` is told about ranking for one question. */
export function rankOf(question: Question): Record<string, number | boolean | string> {
  const asksFor = (term: string) => Object.hasOwn(question.terms, term);
  return {
    ...STRENGTHS,
    ...FACTORS,
    ...CLOSE[question.route],
    ...(question.route === 'issue' ? ISSUE : {}),
    ...(question.route === 'sql' ? SQL : {}),
    // Korean words are few in code: where they are, they are many, and one file would fill the list.
    ...(question.language === 'ko' ? { repeat: 0.75 } : {}),
    how_to: question.howTo,
    overview_of: question.overview,
    wants_tests: !question.howTo && (asksFor('test') || asksFor('spec')),
    wants_data: asksFor('json'),
  };
}

const MAX_PHRASES = 20;
const PIECE = /[가-힣]+|(?:(?![가-힣])[\p{L}\p{N}])+|[^\s\p{L}\p{N}]+/gu;

/** Neighbouring words of a Korean question as it has them, the second without its last syllable, where particles are: `10월 20`, `하계 올림`. */
export function phrasesOf(question: Question): string[] {
  if (question.route !== 'ko') return [];
  const text = question.text.toLowerCase();
  const pieces = [...text.matchAll(PIECE)];
  const phrases = new Set<string>();
  for (const [at, piece] of pieces.entries()) {
    const next = pieces[at + 1];
    if (!next || phrases.size >= MAX_PHRASES) break;
    if (!isWord(piece[0]) || !isWord(next[0])) continue;
    const word = /^[가-힣]{3,}$/.test(next[0]) ? next[0].slice(0, -1) : next[0];
    phrases.add(`${text.slice(piece.index, next.index)}${word}`);
  }
  return [...phrases];
}

function isWord(piece: string): boolean {
  return /^[\p{L}\p{N}]/u.test(piece);
}

/** Names whose definition comes first, in lower case. */
export function namesOf(question: Question): string[] {
  const names = new Set(question.identifiers.map((name) => name.toLowerCase()));
  if (question.route === 'sql') for (const name of objectNames(question.text)) names.add(name);
  if (question.route === 'symbol') names.add(question.text.replace(/[`?!.()]+/g, '').toLowerCase());
  return [...names].slice(0, 20);
}
