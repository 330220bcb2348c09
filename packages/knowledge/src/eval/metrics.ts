/** Relevance of one question's documents: id -> gain (> 0). */
export type Judgements = ReadonlyMap<string, number>;

export const METRICS = [
  'ndcg@10',
  'mrr@10',
  'hit@1',
  'hit@5',
  'hit@10',
  'recall@5',
  'recall@10',
  'recall@20',
] as const;
export type Metric = (typeof METRICS)[number];
export type Scores = Record<Metric, number>;

/**
 * Scores of one ranking, each 0 to 1. `ndcg` is linear in the gain (Järvelin, Kekäläinen 2002, as in trec_eval);
 * `recall@k` is the share of the relevant documents among the first k, which contextual-retrieval calls pass@k.
 * Pure; `ranking` must not repeat an id.
 */
export function scoreRanking(ranking: readonly string[], relevant: Judgements): Scores {
  const first = ranking.findIndex((id) => relevant.has(id));
  const hit = (k: number) => (first >= 0 && first < k ? 1 : 0);
  const recall = (k: number) =>
    ranking.slice(0, k).filter((id) => relevant.has(id)).length / Math.max(relevant.size, 1);
  return {
    'ndcg@10': ndcg(ranking, relevant, 10),
    'mrr@10': hit(10) / (first + 1 || 1),
    'hit@1': hit(1),
    'hit@5': hit(5),
    'hit@10': hit(10),
    'recall@5': recall(5),
    'recall@10': recall(10),
    'recall@20': recall(20),
  };
}

function ndcg(ranking: readonly string[], relevant: Judgements, k: number): number {
  const gain = (gains: number[]) => gains.reduce((sum, value, at) => sum + value / Math.log2(at + 2), 0);
  const ideal = [...relevant.values()].sort((a, b) => b - a).slice(0, k);
  if (ideal.length === 0) return 0;
  return gain(ranking.slice(0, k).map((id) => relevant.get(id) ?? 0)) / gain(ideal);
}
