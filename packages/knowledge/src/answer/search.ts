import { queryFeatures } from '@cogo/spec/hash_embedding.ts';
import { cogoError, type CogoError } from '@cogo/spec/errors.ts';
import { err, failure, ok, type Result } from '@cogo/spec/result.ts';
import { processQuestionVector } from '../embed/environment.ts';
import type { ModelRef, QuestionVector } from '../embed/question_vectors.ts';
import { type Question, type Route, readQuestion } from './question.ts';
import { namesOf, phrasesOf, rankOf } from './ranking.ts';
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
  /** Sections of documents come first, as when someone asks how to do something. */
  manual?: boolean;
  /** Makes the question's vector where the project's vectors are not hash-1024-v1; by the process' environment unless given. */
  questionVector?: QuestionVector | undefined;
  /** How long it may take, in ms; then the search goes without. Default 5,000. */
  questionVectorMs?: number;
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

/** A person waits for the answer: a provider that is asked to wait, or hangs, is done without. */
const QUESTION_VECTOR_MS = 5000;

/**
 * Weight of the hash vector beside BM25 (max-normalised, linear), by route: it helps questions about code, where words
 * are spelled in many ways, and hurts where the exact word is meant. With another embedding model, fit them again.
 */
export const VECTOR_WEIGHT: Record<Route, number> = {
  symbol: 0,
  path: 0,
  ko: 0.1,
  sql: 0.4,
  issue: 0.4,
  docs: 0.5,
  code: 0.4,
};

/** BM25F field weights by route, for `cogo_api.search`. */
export const FIELD_WEIGHTS: Record<Route, Record<'path' | 'name' | 'doc' | 'body', number>> = {
  symbol: { path: 1, name: 4, doc: 1, body: 1 },
  path: { path: 4, name: 2, doc: 1, body: 1 },
  ko: { path: 1, name: 2, doc: 1, body: 1 },
  sql: { path: 2, name: 3, doc: 1.3, body: 1 },
  issue: { path: 2, name: 3, doc: 1.3, body: 1 },
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
    phrases: phrasesOf(question),
    limit,
    strategy,
    route: question.route,
    weights: { ...FIELD_WEIGHTS[question.route], lexical: 1, vector: Math.max(weight, 0.1) },
    rank: { ...rankOf(question), ...(options.manual ? { how_to: true } : {}) },
    ...(options.filter ? { filter: options.filter } : {}),
    ...(options.explain ? { explain: true } : {}),
  };
  const features = strategy === 'lexical' ? {} : { features: queryFeatures(vectorText(question)) };
  const found = await ask(options, { ...query, ...features });
  if (!found.ok) return found;
  const { model } = found.value;
  if (!model || strategy === 'lexical') return ok({ ...base, ...answerOf(found.value) });

  // The project has a model of its own: its vector is made elsewhere. A provider that cannot be used, or not soon, costs the
  // search its vectors, not its answer.
  const byWords = (error: { code: string; message: string }) =>
    ok({ ...base, ...answerOf(found.value), degraded: { code: error.code, message: error.message } });
  const made = await inTime(options, options.questionVector ?? processQuestionVector(), model, question.text);
  if (!made.ok) return made.error.code === 'aborted' ? made : byWords(made.error);
  const again = await ask(options, {
    ...query,
    vector: made.value,
    embedder: model.name,
    fingerprint: model.fingerprint,
  });
  if (again.ok) return ok({ ...base, ...answerOf(again.value) });
  // The project switched its model meanwhile, or the vector is none of that model.
  return again.error.code === 'stale_generation' || again.error.code === 'bad_request'
    ? byWords(again.error)
    : again;
}

/** The vector, or `timeout` once it takes too long, whether the provider heeds the signal or not; `aborted` when the asker left. */
async function inTime(
  options: SearchOptions,
  vectorOf: QuestionVector,
  model: ModelRef,
  text: string,
): Promise<Result<string>> {
  const limit = options.questionVectorMs ?? QUESTION_VECTOR_MS;
  const over = new AbortController();
  const late = setTimeout(
    () => over.abort(cogoError('timeout', `${model.name} made no vector within ${limit} ms.`)),
    limit,
  );
  const left = () => over.abort(cogoError('aborted', 'The search was aborted by its caller.'));
  options.signal?.addEventListener('abort', left, { once: true });
  if (options.signal?.aborted) left();
  const ended = new Promise<Result<string>>((resolve) => {
    const end = () => resolve(err(over.signal.reason as CogoError));
    if (over.signal.aborted) end();
    else over.signal.addEventListener('abort', end, { once: true });
  });
  try {
    return await Promise.race([vectorOf(model, text, over.signal), ended]);
  } catch (cause) {
    const why = cause instanceof Error ? cause.name : 'error';
    return failure('provider_error', `${model.name} failed (${why}).`);
  } finally {
    clearTimeout(late);
    options.signal?.removeEventListener('abort', left);
  }
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
