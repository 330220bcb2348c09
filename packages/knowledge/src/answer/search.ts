import { queryFeatures } from '@cogo/spec/hash_embedding.ts';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { processQuestionVector } from '../embed/environment.ts';
import type { QuestionVector } from '../embed/question_vectors.ts';
import { type Question, type Route, readQuestion } from './question.ts';
import { namesOf, rankOf } from './ranking.ts';
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
  /** Document frequencies of the question's terms: hand them to the answerer. */
  lexicon?: Lexicon;
  terms: Record<string, number>;
  /** Why the search went without vectors although its strategy has them. */
  degraded?: { code: string; message: string };
}

/**
 * Weight of the hash vector beside BM25 (max-normalised, linear), by route: it helps questions about code, where words
 * are spelled in many ways, and hurts where the exact word is meant. With another embedding model, fit them again.
 */
export const VECTOR_WEIGHT: Record<Route, number> = { symbol: 0, path: 0, ko: 0.1, docs: 0.4, code: 0.4 };

/** BM25F field weights by route, for `cogo_api.search`. */
export const FIELD_WEIGHTS: Record<Route, Record<'path' | 'name' | 'doc' | 'body', number>> = {
  symbol: { path: 1, name: 4, doc: 1, body: 1 },
  path: { path: 4, name: 2, doc: 1, body: 1 },
  ko: { path: 1, name: 2, doc: 1, body: 1 },
  docs: { path: 2, name: 3, doc: 1.3, body: 1 },
  code: { path: 2, name: 3, doc: 1.3, body: 1 },
};

/**
 * Finds the chunks that speak of a question, best first, in one call. A question without a searchable word finds
 * nothing. Errors: `validation_failed` an empty question or a limit out of range, and what `search` raises.
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

  const query = {
    q: question.text.slice(0, 1000),
    terms: question.terms,
    translated: question.translated,
    words: question.words,
    names: namesOf(question),
    limit,
    strategy,
    route: question.route,
    weights: { ...FIELD_WEIGHTS[question.route], lexical: 1, vector: Math.max(weight, 0.1) },
    rank: rankOf(question),
    ...(options.filter ? { filter: options.filter } : {}),
    ...(options.explain ? { explain: true } : {}),
  };
  const features = strategy === 'lexical' ? {} : { features: queryFeatures(vectorText(question)) };
  const found = await ask(options, { ...query, ...features });
  if (!found.ok) return found;
  const { model } = found.value;
  if (!model || strategy === 'lexical') return ok({ ...base, ...answerOf(found.value) });

  // The project has a model of its own: its vector is made elsewhere. A provider that cannot be used costs the search
  // its vectors, not its answer.
  const made = await (options.questionVector ?? processQuestionVector())(
    model,
    question.text,
    options.signal,
  );
  if (!made.ok) {
    const degraded = { code: made.error.code, message: made.error.message };
    return ok({ ...base, ...answerOf(found.value), degraded });
  }
  const again = await ask(options, {
    ...query,
    vector: made.value,
    embedder: model.name,
    fingerprint: model.fingerprint,
  });
  return again.ok ? ok({ ...base, ...answerOf(again.value) }) : again;
}

interface Found {
  items: ScoredSpan[];
  generation: number | null;
  took_ms: number;
  lexicon?: Lexicon;
  /** The project's own embedding model, where the search went without vectors for want of one. */
  model?: NonNullable<Lexicon['model']>;
}

async function ask(options: SearchOptions, query: Record<string, unknown>): Promise<Result<Found>> {
  return await options.rpc.call<Found>(
    'search',
    { project_id: options.projectId, query },
    options.signal ? { signal: options.signal } : {},
  );
}

function answerOf({ items, generation, took_ms, lexicon }: Found) {
  return { items, generation, took_ms, ...(lexicon ? { lexicon } : {}) };
}

/** The text the query vector is made of: the question's words that carry meaning. */
function vectorText(question: Question): string {
  return question.concepts.map((concept) => concept.surface.replace(/\/\d+$/, '')).join(' ');
}
