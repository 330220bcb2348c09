import type { Rpc } from '@cogo/client/rpc.ts';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { search } from '../answer/search.ts';
import { indexCorpus } from './corpus_index.ts';
import { readCorpus, readQrels, readQueries } from './label_files.ts';
import { scoreRanking } from './metrics.ts';
import { type EvalReport, percentile, summarise } from './report.ts';

export interface RetrievalOptions {
  rpc: Rpc;
  /** An empty project. */
  projectId: string;
  corpus: string;
  queries: string;
  qrels: string;
  /** At most so many questions, the first ones of the file. */
  limit?: number;
  database: EvalReport['database'];
  onProgress?: (note: string) => void;
  signal?: AbortSignal;
}

/** Chunks asked for a question: enough for every metric. */
const DEPTH = 50;

/** Indexes a BEIR corpus and runs the product's own search over its judged questions. Errors: `bad_request` a malformed line. */
export async function evalRetrieval(options: RetrievalOptions): Promise<Result<EvalReport>> {
  const { rpc, projectId, signal, onProgress } = options;
  const corpus = await readCorpus(options.corpus);
  if (!corpus.ok) return corpus;
  const queries = await readQueries(options.queries);
  if (!queries.ok) return queries;
  const judged = await readQrels(options.qrels);
  if (!judged.ok) return judged;
  const known = new Set(corpus.value.map((row) => row.id));
  for (const [query, documents] of judged.value) {
    for (const id of documents.keys()) {
      if (!known.has(id))
        return failure('bad_request', `${options.qrels}: ${query} names ${id}, which is not in the corpus.`);
    }
  }
  const asked = queries.value.filter((query) => judged.value.has(query.id)).slice(0, options.limit);
  if (asked.length === 0) return failure('bad_request', `${options.qrels} judges none of the questions.`);

  const began = performance.now();
  const indexed = await indexCorpus(
    rpc,
    projectId,
    corpus.value,
    (chunks) => onProgress?.(`indexed ${chunks}/${corpus.value.length}`),
    signal,
  );
  if (!indexed.ok) return indexed;
  const index_ms = Math.round(performance.now() - began);

  const runs: EvalReport['runs'] = [];
  const times: number[] = [];
  for (const query of asked) {
    const from = performance.now();
    const found = await search({
      rpc,
      projectId,
      q: query.text,
      limit: DEPTH,
      ...(signal ? { signal } : {}),
    });
    times.push(performance.now() - from);
    if (!found.ok && found.error.code !== 'validation_failed') return found;
    const items = found.ok ? found.value.items : [];
    const ranking = [...new Set(items.map((item) => indexed.value.idOf(item.path, item.start_line) ?? ''))];
    const relevant = judged.value.get(query.id)!;
    const first = ranking.findIndex((id) => relevant.has(id));
    runs.push({ id: query.id, first: first < 0 ? null : first + 1, scores: scoreRanking(ranking, relevant) });
    onProgress?.(`asked ${runs.length}/${asked.length}`);
  }
  return ok({
    name: 'retrieval',
    documents: corpus.value.length,
    queries: runs.length,
    metrics: summarise(runs),
    latency_ms: { p50: percentile(times, 0.5), p95: percentile(times, 0.95) },
    index_ms,
    database: options.database,
    runs,
  });
}
