import type { SearchAnswer } from '@cogo/knowledge/answer/search.ts';

/** What is told of a search beside its items: in the answer of `rag` and in `rag.done` frames and events. */
export function searchSummary({ items, route, strategy, generation, took_ms, degraded }: SearchAnswer) {
  return { count: items.length, route, strategy, generation, took_ms, ...(degraded ? { degraded } : {}) };
}
