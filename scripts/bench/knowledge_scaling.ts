// How the cost of a search grows with the corpus, on a native server: node --import tsx scripts/bench/knowledge_scaling.ts --db postgres://…
// [--sizes 10000,200000] [--json FILE]. The corpus is generated in the database: 25 terms a chunk, their frequencies as Zipf has them
// (vocabulary 60,000), no vectors. Questions have six terms drawn the same way. Time is the server's, of the function alone.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { openScratchDatabase, type ScratchDatabase } from '@cogo/stack/database/scratch.ts';
import { seeded } from './corpus.ts';
import { spreadOf } from './spread.ts';

const { values } = parseArgs({
  options: {
    db: { type: 'string' },
    sizes: { type: 'string', default: '10000,200000' },
    json: { type: 'string' },
  },
});
const VOCABULARY = 60_000;
const QUESTIONS = 60;

const random = seeded(11);
const zipf = () => Math.floor(Math.exp(random() * Math.log(VOCABULARY)));
const questions = Array.from({ length: QUESTIONS }, () => Array.from({ length: 6 }, () => `t${zipf()}`));

const rows = [];
for (const size of values.sizes.split(',').map(Number)) {
  const db = await openScratchDatabase({ server: values.db });
  try {
    rows.push(await measure(db, size));
    console.log(JSON.stringify(rows.at(-1)));
  } finally {
    await db.close();
  }
}
const [first, last] = [rows[0]!, rows.at(-1)!];
const report = {
  rows,
  growth: { p50: last.p50_ms / first.p50_ms, p95: last.p95_ms / first.p95_ms },
  logarithm: Math.log(last.chunks) / Math.log(first.chunks),
};
console.log(JSON.stringify(report, null, 2));
if (values.json) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);

async function measure(db: ScratchDatabase, size: number) {
  const rpc = db.rpc('service_role');
  const made = await rpc.call<{ id: string }>('create_project', { name: 'scaling', slug: 'scaling' });
  if (!made.ok) throw new Error(made.error.message);
  const project = made.value.id;
  await fill(db, project, size);
  const times: number[] = [];
  for (const round of [0, 1]) {
    for (const terms of questions) {
      const query = {
        terms: Object.fromEntries(terms.map((term) => [term, 1])),
        limit: 10,
        strategy: 'lexical',
      };
      const found = await rpc.call<{ took_ms: number }>('search', { project_id: project, query });
      if (!found.ok) throw new Error(found.error.message);
      if (round === 1) times.push(found.value.took_ms);
    }
  }
  const sorted = times.toSorted((a, b) => a - b);
  const [bytes] = await db.sql<{ postings: number; indexes: number }>(
    `select pg_relation_size('cogo.lex_postings')::float8 as postings, pg_indexes_size('cogo.lex_postings')::float8 as indexes`,
  );
  return {
    chunks: size,
    p50_ms: spreadOf(times)!.median,
    p95_ms: sorted[Math.ceil(0.95 * sorted.length) - 1]!,
    postings_mb: Math.round(bytes!.postings / 1e6),
    posting_indexes_mb: Math.round(bytes!.indexes / 1e6),
  };
}

async function fill(db: ScratchDatabase, project: string, size: number): Promise<void> {
  await db.sql(
    `with r as (insert into cogo.repos (project_id, repo, generation) values ($1, 'r', 1) returning id),
     f as (insert into cogo.source_files (project_id, repo_id, generation, path, content_hash, extractor)
           select $1, r.id, 1, 'src/f' || g || '.ts', 'x', 'x' from r, generate_series(1, $2::int / 10) g returning id, repo_id)
     insert into cogo.chunks (project_id, repo_id, file_id, generation, ordinal, kind, start_line, end_line, text, content_hash, length)
     select $1, f.repo_id, f.id, 1, o, 'function', o * 10, o * 10 + 9, 'text of ' || f.id || ' ' || o, 'x', 30
       from f, generate_series(0, 9) o`,
    [project, size],
  );
  await db.sql(
    `insert into cogo.lex_terms (project_id, term) select $1, 't' || g from generate_series(1, $2::int) g`,
    [project, VOCABULARY],
  );
  await db.sql('select setseed(0.5)');
  await db.sql(
    `insert into cogo.lex_postings (term_id, length, chunk_id, path, name, doc, body)
     select term.first + z.t - 1, 20 + (c.id % 60)::int, c.id, 0, (random() < 0.05)::int, 0, 1 + (random() * 2)::int
       from (select min(id) as first from cogo.lex_terms where project_id = $1) term, cogo.chunks c
      cross join lateral (select distinct floor(exp(random() * ln($2::float8)))::int as t from generate_series(1, 25) where c.id > 0) z
      where c.project_id = $1
      order by 1, 3`,
    [project, VOCABULARY],
  );
  await db.sql(
    `update cogo.lex_terms t set df = x.df from (select term_id, count(*)::int as df from cogo.lex_postings group by 1) x where x.term_id = t.id`,
  );
  await db.sql(
    `insert into cogo.lex_stats (project_id, chunks, total_length) values ($1, $2::int, $2::int * 50)
     on conflict (project_id) do update set chunks = excluded.chunks, total_length = excluded.total_length`,
    [project, size],
  );
  for (const table of ['lex_postings', 'lex_terms', 'chunks', 'source_files'])
    await db.sql(`vacuum analyze cogo.${table}`);
}
