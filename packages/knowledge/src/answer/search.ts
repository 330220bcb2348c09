import { HASH_MODEL_ID, idfOfLexicon, queryVector, toHalfvecText } from '@cogo/spec/hash_embedding.ts';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { processQuestionVector } from '../embed/environment.ts';
import type { QuestionVector } from '../embed/question_vectors.ts';
import { type Question, type Route, readQuestion } from './question.ts';
import { rerank } from './rerank.ts';
import type { CallRpc, Lexicon, ScoredSpan } from './span.ts';

export type Strategy = 'auto' | 'lexical' | 'vector' | 'hybrid';

export interface SearchFilter {
  path_prefix?: string;
  languages?: string[];
  kinds?: string[];
  repo?: string;
}

export interface SearchOptions {
  rpc: CallRpc;
  /** uuid */
  projectId: string;
  q: string;
  /** 1 to 100, default 10. */
  limit?: number;
  /** `auto` lets the kind of question decide. */
  strategy?: Strategy;
  filter?: SearchFilter;
  /** Each item says how its score came about. */
  explain?: boolean;
  /** Makes the question's vector where the project's vectors are not hash-1024-v1; by the process' environment unless given. */
  questionVector?: QuestionVector | undefined;
  signal?: AbortSignal;
}

export interface SearchAnswer {
  items: ScoredSpan[];
  route: Route;
  strategy: Exclude<Strategy, 'auto'>;
  /** Newest generation searched; null when nothing is indexed. */
  generation: number | null;
  /** In the database. */
  took_ms: number;
  /** Document frequencies of the question's terms, when they had to be asked for: hand them to the answerer. */
  lexicon?: Lexicon;
  terms: Record<string, number>;
  /** Why the search went without vectors although its strategy has them. */
  degraded?: { code: string; message: string };
}

/**
 * Weight of the hash vector beside BM25 (max-normalised, linear), by route: it helps questions about code, where words
 * are spelled in many ways, and hurts where the exact word is meant. With another embedding model, fit them again.
 */
export const VECTOR_WEIGHT: Record<Route, number> = { symbol: 0, path: 0, ko: 0.1, docs: 0.1, code: 0.3 };

/** BM25F field weights by route, for `cogo_api.search`. */
export const FIELD_WEIGHTS: Record<Route, Record<'path' | 'name' | 'doc' | 'body', number>> = {
  symbol: { path: 1, name: 4, doc: 1, body: 1 },
  path: { path: 4, name: 2, doc: 1, body: 1 },
  ko: { path: 1, name: 2, doc: 1, body: 1 },
  docs: { path: 1, name: 2, doc: 1, body: 1 },
  code: { path: 1, name: 2, doc: 1, body: 1 },
};

/** Candidates asked for: ranking features can only order what they see. */
const CANDIDATES = 50;

/**
 * Finds the chunks that speak of a question, best first. A question without a searchable word finds nothing.
 * Errors: `validation_failed` an empty question or a limit out of range, and what `search` and `lexicon` raise.
 */
export async function search(options: SearchOptions): Promise<Result<SearchAnswer>> {
  const limit = options.limit ?? 10;
  if (!Number.isInteger(limit) || limit < 1 || limit > 100) {
    return failure('validation_failed', `limit must be a whole number from 1 to 100, not ${limit}.`, {
      details: { field: 'limit' },
    });
  }
  if (options.q.trim() === '') {
    return failure('validation_failed', 'The question is empty. Ask something.', { details: { field: 'q' } });
  }
  const question = readQuestion(options.q);
  const weight = options.strategy === 'lexical' ? 0 : VECTOR_WEIGHT[question.route];
  const strategy =
    options.strategy === 'vector' || options.strategy === 'hybrid' || options.strategy === 'lexical'
      ? options.strategy
      : weight > 0
        ? 'hybrid'
        : 'lexical';
  const base = { route: question.route, strategy, terms: question.terms };
  if (Object.keys(question.terms).length === 0)
    return ok({ ...base, items: [], generation: null, took_ms: 0 });

  const lexicon = strategy === 'lexical' ? undefined : await askLexicon(options, question);
  if (lexicon && !lexicon.ok) return lexicon;
  const vector = lexicon ? await vectorOf(options, question, lexicon.value) : {};
  const call = options.signal ? { signal: options.signal } : {};
  const found = await options.rpc.call<{ items: ScoredSpan[]; generation: number | null; took_ms: number }>(
    'search',
    {
      project_id: options.projectId,
      query: {
        q: question.text,
        terms: lexicon ? balanced(question, lexicon.value) : question.terms,
        limit: Math.max(limit, Math.min(200, Math.max(CANDIDATES, limit * 2))),
        strategy,
        route: question.route,
        weights: { ...FIELD_WEIGHTS[question.route], lexical: 1, vector: Math.max(weight, 0.1) },
        ...vector.query,
        ...(options.filter ? { filter: options.filter } : {}),
        ...(options.explain ? { explain: true } : {}),
      },
    },
    call,
  );
  if (!found.ok) return found;
  const { items, generation, took_ms } = found.value;
  return ok({
    ...base,
    items: rerank(question, items, limit),
    generation,
    took_ms,
    ...(lexicon ? { lexicon: lexicon.value } : {}),
    ...(vector.degraded ? { degraded: vector.degraded } : {}),
  });
}

/** The vector part of the query. A provider that cannot be used costs the search its vectors, not its answer. */
async function vectorOf(
  options: SearchOptions,
  question: Question,
  lexicon: Lexicon,
): Promise<{ query?: Record<string, unknown>; degraded?: { code: string; message: string } }> {
  const { model } = lexicon;
  if (!model) {
    const vector = toHalfvecText(queryVector(expanded(question), idfOfLexicon(lexicon)));
    return vector === null ? {} : { query: { vector, embedder: HASH_MODEL_ID } };
  }
  const made = await (options.questionVector ?? processQuestionVector())(
    model,
    question.text,
    options.signal,
  );
  if (!made.ok) return { degraded: { code: made.error.code, message: made.error.message } };
  return { query: { vector: made.value, embedder: model.name, fingerprint: model.fingerprint } };
}

async function askLexicon(options: SearchOptions, question: Question): Promise<Result<Lexicon>> {
  return await options.rpc.call<Lexicon>(
    'lexicon',
    { project_id: options.projectId, terms: Object.keys(question.terms) },
    options.signal ? { signal: options.signal } : {},
  );
}

/** In a corpus that is hardly Korean, a Korean word is rare for being Korean, not for what it means. */
const STRAY_SHARE = 0.01;
const STRAY_KOREAN_WEIGHT = 0.3;

/** The terms, with Korean words held back where their English wording is what the corpus uses. */
function balanced(question: Question, lexicon: Lexicon): Record<string, number> {
  const terms = { ...question.terms };
  const most = (tokens: string[]) => Math.max(0, ...tokens.map((token) => lexicon.df[token] ?? 0));
  for (const { korean, english } of question.translated) {
    const ours = most(korean);
    const isStray = ours < STRAY_SHARE * lexicon.n || ours < 0.5 * most(english);
    if (isStray) for (const token of new Set(korean)) terms[token] = STRAY_KOREAN_WEIGHT;
  }
  return terms;
}

/** The text the query vector is made of: the question's words that carry meaning. */
function expanded(question: Question): string {
  return question.concepts.map((concept) => concept.surface.replace(/\/\d+$/, '')).join(' ');
}
