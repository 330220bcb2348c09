// How the cost of a search grows with the corpus, on a native server: node --import tsx scripts/bench/knowledge_scaling.ts --db postgres://…
// [--sizes 10000,200000] [--vectors hash|own] [--json FILE]. The corpus is generated in the database: 25 terms a chunk, their frequencies as
// Zipf has them (vocabulary 60,000). Questions have six terms drawn the same way. Time is the server's, of the function alone.
//
// Without --vectors: words alone, no ranking. With: the whole hybrid search as `cogo search` sends it (route code), over a hash-1024-v1 vector
// of each chunk's terms. hash: the default model. own: the same vectors as a project's own, semantic model, with the HNSW index that
// housekeeping gives it above 20,000 (exact below); a search is two calls then, and its time their sum. 200,000 vectors take 0.5 GB of disk
// a model, and the HNSW index as much again and minutes to build.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { search } from '@cogo/knowledge/answer/search.ts';
import type { Rpc } from '@cogo/client/rpc.ts';
import {
  documentVector,
  HASH_MODEL_ID,
  queryVector,
  toHalfvecText,
  toSparseDirection,
} from '@cogo/spec/hash_embedding.ts';
import { ok } from '@cogo/spec/result.ts';
import { openScratchDatabase, type ScratchDatabase } from '@cogo/stack/database/scratch.ts';
import { seeded, spoken } from './corpus.ts';
import { quantile, spreadOf } from './spread.ts';

const { values } = parseArgs({
  options: {
    db: { type: 'string' },
    sizes: { type: 'string', default: '10000,200000' },
    vectors: { type: 'string' },
    json: { type: 'string' },
  },
});
if (values.vectors !== undefined && !['hash', 'own'].includes(values.vectors))
  throw new Error(`--vectors is hash or own, not ${values.vectors}`);
const VOCABULARY = 60_000;
const QUESTIONS = 60;
/** Vectors a statement. */
const BATCH = 2000;

const random = seeded(11);
const zipf = () => Math.floor(Math.exp(random() * Math.log(VOCABULARY)));
const questions = Array.from({ length: QUESTIONS }, () => Array.from({ length: 6 }, () => spoken(zipf())));

const words = Array.from({ length: VOCABULARY }, (_, at) => spoken(at + 1));

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
  vectors: values.vectors ?? 'none',
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
  const vectors = values.vectors ? await addVectors(db, project) : undefined;
  const times: number[] = [];
  for (const round of [0, 1]) {
    for (const terms of questions) {
      const took = values.vectors ? await hybrid(rpc, project, terms) : await lexical(rpc, project, terms);
      if (round === 1) times.push(took);
    }
  }
  const [bytes] = await db.sql<{ postings: number; indexes: number; database: number }>(
    `select pg_relation_size('cogo.lex_postings')::float8 as postings, pg_indexes_size('cogo.lex_postings')::float8 as indexes,
            pg_database_size(current_database())::float8 as database`,
  );
  return {
    chunks: size,
    p50_ms: spreadOf(times)!.median,
    p95_ms: quantile(times, 0.95),
    postings_mb: megabytes(bytes!.postings),
    posting_indexes_mb: megabytes(bytes!.indexes),
    database_mb: megabytes(bytes!.database),
    bench_rss_mb: megabytes(process.memoryUsage.rss()),
    ...vectors,
  };
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e6);
}

async function lexical(rpc: Rpc, project: string, terms: string[]): Promise<number> {
  const query = {
    terms: Object.fromEntries(terms.map((term) => [term, 1])),
    limit: 10,
    strategy: 'lexical',
  };
  const found = await rpc.call<{ took_ms: number }>('search', { project_id: project, query });
  if (!found.ok) throw new Error(found.error.message);
  return found.value.took_ms;
}

async function hybrid(rpc: Rpc, projectId: string, terms: string[]): Promise<number> {
  let took = 0;
  const timed: Rpc = {
    ...rpc,
    call: async (fn, args, options) => {
      const answer = await rpc.call(fn, args, options);
      if (answer.ok) took += (answer.value as { took_ms: number }).took_ms;
      return answer as never;
    },
  };
  const q = `where is ${terms.join(' ')}`;
  const questionVector = async () => ok(toHalfvecText(queryVector(terms.join(' ')))!);
  const found = await search({ rpc: timed, projectId, q, strategy: 'hybrid', explain: true, questionVector });
  if (!found.ok) throw new Error(found.error.message);
  if (found.value.degraded) throw new Error(found.value.degraded.message);
  if (!found.value.items.some((item) => (item.signals?.['vector'] ?? 0) > 0))
    throw new Error(`no vector counted: ${q}`);
  return took;
}

async function addVectors(db: ScratchDatabase, project: string) {
  // chunks keep no text of their terms here
  await db.sql(
    `create unlogged table public.bench_terms as
     select row_number() over (order by p.chunk_id) as nth, p.chunk_id, string_agg(t.term, ' ') as text
       from cogo.lex_postings p join cogo.lex_terms t on t.id = p.term_id group by p.chunk_id`,
  );
  await db.sql('create index on public.bench_terms (nth)');
  for (let from = 0; ; from += BATCH) {
    const batch = await db.sql<{ chunk_id: string; text: string }>(
      'select chunk_id::text, text from public.bench_terms where nth > $1 and nth <= $1 + $2::int order by nth',
      [from, BATCH],
    );
    if (batch.length === 0) break;
    await db.sql(
      `insert into cogo.chunk_embeddings (chunk_id, model_id, project_id, embedding)
       select x.id::bigint, m.id, $1, x.vector::extensions.sparsevec::extensions.halfvec
         from cogo.embedding_models m, unnest($2::text[], $3::text[]) x(id, vector) where m.project_id is null and m.name = $4`,
      [
        project,
        batch.map((row) => row.chunk_id),
        batch.map((row) => toSparseDirection(documentVector(row.text))),
        HASH_MODEL_ID,
      ],
    );
  }
  await db.sql('drop table public.bench_terms');
  const began = performance.now();
  let indexes = 0;
  if (values.vectors === 'own') {
    await db.sql(
      `with own as (insert into cogo.embedding_models (project_id, name, dims, fingerprint, status)
                    values ($1, 'bench', 1024, 'bench', 'active') returning id)
       insert into cogo.chunk_embeddings (chunk_id, model_id, project_id, embedding)
       select e.chunk_id, own.id, e.project_id, e.embedding from cogo.chunk_embeddings e, own where e.project_id = $1`,
      [project],
    );
    const [made] = await db.sql<{ made: number }>('select cogo.ensure_vector_indexes() as made');
    indexes = Number(made!.made);
  }
  const built = performance.now() - began;
  await db.sql('vacuum analyze cogo.chunk_embeddings');
  const [bytes] = await db.sql<{ vectors: number; indexes: number }>(
    `select pg_table_size('cogo.chunk_embeddings')::float8 as vectors, pg_indexes_size('cogo.chunk_embeddings')::float8 as indexes`,
  );
  return {
    vectors_mb: megabytes(bytes!.vectors),
    vector_indexes_mb: megabytes(bytes!.indexes),
    hnsw_indexes: indexes,
    ...(indexes > 0 ? { copy_and_hnsw_s: Math.round(built / 1000) } : {}),
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
    'insert into cogo.lex_terms (project_id, term) select $1, w.term from unnest($2::text[]) with ordinality w(term, nth) order by w.nth',
    [project, words],
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
