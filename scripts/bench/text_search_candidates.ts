// Would pg_textsearch name candidates better or cheaper than the postings do? On PGlite, in this process:
//   node --import tsx scripts/bench/text_search_candidates.ts --corpus corpus.jsonl --queries queries.jsonl --qrels qrels.tsv [--limit 200] [--json FILE]
// Both get the tokens of our tokeniser. postings: BM25F over cogo.lex_postings with the weights of a question about code. pg_textsearch: a bm25 index over
// one text column with the tokens of name, comment and body, and one where those of the name are written three times, as our weights have it.
// recall: share of the relevant documents among the first 100; CPU: of this process, PGlite included, a question.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { PGlite } from '@electric-sql/pglite';
import { pg_textsearch } from '@electric-sql/pglite-pg_textsearch';
import { FIELD_WEIGHTS } from '@cogo/knowledge/answer/search.ts';
import { indexCorpus } from '@cogo/knowledge/eval/corpus_index.ts';
import { readCorpus, readQrels, readQueries } from '@cogo/knowledge/eval/label_files.ts';
import { tokenize } from '@cogo/spec/tokenize.ts';
import { openScratchDatabase } from '@cogo/stack/database/scratch.ts';
import { quantile } from './spread.ts';

const { values } = parseArgs({
  options: {
    corpus: { type: 'string', default: '' },
    queries: { type: 'string', default: '' },
    qrels: { type: 'string', default: '' },
    limit: { type: 'string', default: '200' },
    json: { type: 'string' },
  },
});
const DEPTH = 100;
const [corpus, queries, qrels] = await Promise.all([
  readCorpus(values.corpus),
  readQueries(values.queries),
  readQrels(values.qrels),
]);
if (!corpus.ok || !queries.ok || !qrels.ok) throw new Error(JSON.stringify([corpus, queries, qrels]));
const asked = queries.value.filter(({ id }) => qrels.value.has(id)).slice(0, Number(values.limit));

const ours = await openScratchDatabase();
const rpc = ours.rpc('service_role');
const made = await rpc.call<{ id: string }>('create_project', { name: 'p', slug: 'p' });
if (!made.ok) throw new Error(made.error.message);
const indexed = await indexCorpus(rpc, made.value.id, corpus.value, () => {});
if (!indexed.ok) throw new Error(indexed.error.message);
const chunks = await ours.sql<{ id: number; path: string; start_line: number; name: string; body: string }>(
  // what the index holds, as text again: a token as often as it was counted
  `select c.id::int, f.path, c.start_line, coalesce(string_agg(repeat(t.term || ' ', p.name), ''), '') as name,
          coalesce(string_agg(repeat(t.term || ' ', p.doc + p.body), ''), '') as body
     from cogo.chunks c join cogo.source_files f on f.id = c.file_id
     left join cogo.lex_postings p on p.chunk_id = c.id left join cogo.lex_terms t on t.id = p.term_id
    group by c.id, f.path, c.start_line`,
);
const idOf = new Map(
  chunks.map((chunk) => [chunk.id, indexed.value.idOf(chunk.path, chunk.start_line) ?? '']),
);

// A token is a word of letters and digits for its parser, whatever it is for ours.
const plain = (tokens: string) =>
  tokens.replace(/[^\s\p{L}\p{N}]/gu, (mark) => `x${mark.codePointAt(0)!.toString(16)}x`);
const theirs = await PGlite.create({ extensions: { pg_textsearch } });
await theirs.exec(
  `create extension pg_textsearch; create table docs (id int primary key, once text, weighed text)`,
);
for (let at = 0; at < chunks.length; at += 500) {
  await theirs.query(
    `insert into docs select * from jsonb_to_recordset($1::jsonb) as x(id int, once text, weighed text)`,
    [
      JSON.stringify(
        chunks.slice(at, at + 500).map(({ id, name, body }) => ({
          id,
          once: plain(`${name}${body}`),
          weighed: plain(`${name}${name}${name}${body}`),
        })),
      ),
    ],
  );
}
const built = process.cpuUsage();
await theirs.exec(`create index docs_once on docs using bm25 (once) with (text_config = 'simple');
  create index docs_weighed on docs using bm25 (weighed) with (text_config = 'simple')`);
const buildMs = spent(built) / 2;

const { path, name, doc, body } = FIELD_WEIGHTS.code;
const ways: Record<string, (tokens: string[]) => Promise<number[]>> = {
  postings: async (tokens) =>
    (
      await ours.sql<{ chunk_id: number }>(
        `with s as (select chunks::float8 as n, total_length / chunks::float8 as average from cogo.lex_stats where project_id = $1)
       select p.chunk_id::int
         from unnest($2::text[]) q(term)
        cross join s
        cross join lateral (select t.id, ln(1 + (s.n - t.df + 0.5) / (t.df + 0.5)) as idf from cogo.lex_terms t
                             where t.project_id = $1 and t.term = q.term limit 1) t
        cross join lateral (select x.chunk_id, x.length, ${path} * x.path + ${name} * x.name + ${doc} * x.doc + ${body} * x.body as tf
                              from cogo.lex_postings x where x.term_id = t.id offset 0) p
        group by p.chunk_id
        order by sum(t.idf * p.tf * 2.2 / (p.tf + 1.2 * (0.25 + 0.75 * p.length / s.average))) desc, 1 limit ${DEPTH}`,
        [made.value.id, tokens],
      )
    ).map((row) => row.chunk_id),
  pg_textsearch: (tokens) => bm25('once', tokens),
  pg_textsearch_weighed: (tokens) => bm25('weighed', tokens),
};

async function bm25(column: 'once' | 'weighed', tokens: string[]): Promise<number[]> {
  const found = await theirs.query<{ id: number }>(
    `select id from docs order by ${column} <@> to_bm25query($1, 'docs_${column}') limit ${DEPTH}`,
    [plain(tokens.join(' '))],
  );
  return found.rows.map((row) => row.id);
}

const rows = [];
for (const [way, find] of Object.entries(ways)) {
  const cpu: number[] = [];
  let recall = 0;
  let reciprocal = 0;
  for (const round of [0, 1]) {
    for (const query of asked) {
      const from = process.cpuUsage();
      const found = await find([...new Set(tokenize(query.text, { query: true }))]);
      if (round === 0) continue;
      cpu.push(spent(from));
      const relevant = qrels.value.get(query.id)!;
      const ids = [...new Set(found.map((id) => idOf.get(id)!))];
      recall += ids.filter((id) => relevant.has(id)).length / relevant.size;
      const first = ids.slice(0, 10).findIndex((id) => relevant.has(id));
      reciprocal += first < 0 ? 0 : 1 / (first + 1);
    }
  }
  rows.push({
    way,
    recall: round(recall / asked.length),
    mrr10: round(reciprocal / asked.length),
    cpu_ms: { p50: round(quantile(cpu, 0.5)), p95: round(quantile(cpu, 0.95)) },
  });
  console.log(JSON.stringify(rows.at(-1)));
}
const report = { chunks: chunks.length, questions: asked.length, index_cpu_ms: Math.round(buildMs), rows };
console.log(JSON.stringify({ chunks: report.chunks, index_cpu_ms: report.index_cpu_ms }));
if (values.json) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
await theirs.close();
await ours.close();

function spent(from: NodeJS.CpuUsage): number {
  const used = process.cpuUsage(from);
  return (used.user + used.system) / 1000;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
