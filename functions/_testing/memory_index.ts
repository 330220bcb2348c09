// A few chunks and the `cogo_api` function that searches them, with the SQL's shapes and a plain word count for
// a score: enough for the plane and the answerer to be real in tests.
import type { ScoredSpan } from '@cogo/knowledge/answer/span.ts';
import type { FakeFunction } from '../_shared/testing.ts';
import { tokenize } from '@cogo/spec/tokenize.ts';

function chunk(
  id: number,
  path: string,
  symbol: string | null,
  heading: string | null,
  text: string,
): ScoredSpan {
  return {
    chunk_id: id,
    repo: 'demo',
    path,
    language: path.endsWith('.md') ? 'markdown' : 'typescript',
    kind: path.endsWith('.md') ? 'section' : 'function',
    symbol,
    signature: symbol === null ? null : `function ${symbol}()`,
    heading,
    start_line: 1,
    end_line: text.split('\n').length,
    text,
    commit_sha: 'c0ffee',
    generation: 3,
    score: 0,
  };
}

export const CHUNKS: readonly ScoredSpan[] = [
  chunk(
    1,
    'docs/leases.md',
    null,
    'Leases',
    '# Leases\nA worker holds a lease on a job for thirty seconds. The lease is renewed by a heartbeat. When the lease expires the job returns to the queue.',
  ),
  chunk(
    2,
    'src/lease.ts',
    'renewLease',
    null,
    'export function renewLease(job: Job, seconds: number): void {\n  // The heartbeat of the worker renews the lease.\n  job.leaseUntil = Date.now() + seconds * 1000;\n}',
  ),
  chunk(
    3,
    'docs/ko/leases.md',
    null,
    '리스',
    '# 리스\n작업자는 작업의 리스를 삼십 초 동안 가진다. 심장박동이 리스를 갱신한다. 리스가 만료되면 작업은 대기열로 돌아간다.',
  ),
];

/** `search` over some chunks. */
export function memoryIndex(chunks: readonly ScoredSpan[] = CHUNKS): { search: FakeFunction } {
  const tokens = chunks.map((item) => new Set(tokenize(`${item.path} ${item.symbol ?? ''} ${item.text}`)));
  return {
    search: (args) => {
      const query = args['query'] as { terms: Record<string, number>; limit: number; route: string };
      const items = chunks
        .map((item, i) => ({
          ...item,
          score: Object.entries(query.terms).reduce(
            (sum, [term, weight]) => sum + (tokens[i]!.has(term) ? weight : 0),
            0,
          ),
        }))
        .filter((item) => item.score > 0)
        .sort((a, b) => b.score - a.score)
        .slice(0, query.limit);
      const df = Object.fromEntries(
        Object.keys(query.terms).map((term) => [term, tokens.filter((one) => one.has(term)).length]),
      );
      const lexicon = { n: chunks.length, avg_length: 40, df };
      return { items, route: query.route, generation: chunks.length > 0 ? 3 : null, took_ms: 1.5, lexicon };
    },
  };
}
