import { type Estimate, estimate } from './bootstrap.ts';
import { METRICS, type Metric, type Scores } from './metrics.ts';

/** What an evaluation answers; written as JSON, and what a baseline is compared with. */
export interface EvalReport {
  name: 'retrieval' | 'localisation';
  /** Documents, chunks or files searched. */
  documents: number;
  queries: number;
  /** Mean with its 95 % bootstrap interval over the questions. */
  metrics: Record<Metric, Estimate>;
  /** Of the search alone, in this process. Milliseconds. */
  latency_ms: { p50: number; p95: number };
  /** Time to write the index. Milliseconds. */
  index_ms: number;
  database: 'pglite' | 'postgres';
  /** One row a question, in the order of the file. */
  runs: Array<{ id: string; first: number | null; scores: Scores }>;
}

export function summarise(runs: EvalReport['runs']): Record<Metric, Estimate> {
  return Object.fromEntries(
    METRICS.map((metric) => [metric, estimate(runs.map((run) => run.scores[metric]))]),
  ) as Record<Metric, Estimate>;
}

/** Nearest-rank percentile. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return Math.round(value * 100) / 100;
}
