// What a whole search costs, words and vectors, through the search code itself: node --import tsx scripts/bench/knowledge_hybrid.ts
// [--chunks 10000] [--db postgres://…] [--json FILE]. Default: PGlite in this process, so that the CPU time of the process is that of the search.
// The corpus is generated and goes through the indexer's own rows, tokens and hash-1024-v1 vectors: files of ten functions of 60 words (Zipf,
// vocabulary 20,000), every fifth file Korean prose. Questions are drawn the same way, six words each, by route; each is asked once
// to warm up and then once. `close: without` asks the same with that ranking feature left out.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Rpc } from '@cogo/client/rpc.ts';
import { search } from '@cogo/knowledge/answer/search.ts';
import { indexCorpus } from '@cogo/knowledge/eval/corpus_index.ts';
import { openScratchDatabase } from '@cogo/stack/database/scratch.ts';
import { korean, seeded, spoken as english } from './corpus.ts';
import { quantile } from './spread.ts';

const { values } = parseArgs({
  options: {
    chunks: { type: 'string', default: '10000' },
    db: { type: 'string' },
    json: { type: 'string' },
  },
});
const VOCABULARY = 20_000;
const QUESTIONS = 40;
const random = seeded(7);
const zipf = () => Math.floor(Math.exp(random() * Math.log(VOCABULARY)));

const wordsOf = (count: number, word: (rank: number) => string) =>
  Array.from({ length: count }, () => word(zipf()));

function corpus(size: number) {
  return Array.from({ length: size }, (_, at) => {
    const file = Math.floor(at / 10);
    if (file % 5 === 4)
      return {
        id: String(at),
        path: `docs/${english(file)}.md`,
        title: wordsOf(3, korean).join(' '),
        text: sentences(wordsOf(60, korean)),
      };
    const name = wordsOf(2, english);
    return {
      id: String(at),
      path: `src/${english(file % 40)}/${english(file)}.ts`,
      title: '',
      text: `// ${wordsOf(12, english).join(' ')}\nexport function ${name[0]}${name[1]![0]!.toUpperCase()}${name[1]!.slice(1)}(${english(zipf())}) {\n  ${sentences(wordsOf(44, english)).replaceAll('. ', ';\n  ')}\n}\n`,
    };
  });
}

function sentences(words: string[]): string {
  return words.map((word, at) => (at % 9 === 8 ? `${word}.` : word)).join(' ');
}

const ROUTES: Record<string, () => string> = {
  code: () => `where is ${wordsOf(6, english).join(' ')}`,
  docs: () => `how to ${wordsOf(6, english).join(' ')}`,
  issue: () => `fix(x): ${wordsOf(6, english).join(' ')}`,
  ko: () => `${wordsOf(6, korean).join(' ')}`,
};

const db = await openScratchDatabase({ server: values.db });
try {
  const rpc = db.rpc('service_role');
  const made = await rpc.call<{ id: string }>('create_project', { name: 'hybrid', slug: 'hybrid' });
  if (!made.ok) throw new Error(made.error.message);
  const projectId = made.value.id;
  const size = Number(values.chunks);
  const indexed = await indexCorpus(rpc, projectId, corpus(size), () => {});
  if (!indexed.ok) throw new Error(indexed.error.message);
  if (values.db)
    for (const table of ['lex_postings', 'lex_terms', 'chunks', 'source_files', 'chunk_embeddings'])
      await db.sql(`vacuum analyze cogo.${table}`);
  const rows = [];
  for (const [route, question] of Object.entries(ROUTES)) {
    const questions = Array.from({ length: QUESTIONS }, question);
    for (const close of ['with', 'without'] as const) {
      if (close === 'without' && !['docs', 'ko'].includes(route)) continue;
      rows.push({ route, close, ...(await measure(rpc, projectId, questions, close === 'with')) });
      console.log(JSON.stringify(rows.at(-1)));
    }
  }
  const report = { database: db.kind, chunks: indexed.value.chunks, questions: QUESTIONS, rows };
  if (values.json) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
} finally {
  await db.close();
}

async function measure(rpc: Rpc, projectId: string, questions: string[], close: boolean) {
  const through: Rpc = close
    ? rpc
    : { ...rpc, call: (fn, args, options) => rpc.call(fn, withoutClose(args), options) };
  const elapsed: number[] = [];
  const database: number[] = [];
  const cpu: number[] = [];
  let vectors = 0;
  for (const round of [0, 1]) {
    for (const q of questions) {
      const [from, began] = [process.cpuUsage(), performance.now()];
      const found = await search({ rpc: through, projectId, q, limit: 10, strategy: 'hybrid' });
      if (!found.ok) throw new Error(found.error.message);
      if (round === 0) continue;
      const used = process.cpuUsage(from);
      elapsed.push(performance.now() - began);
      database.push(found.value.took_ms);
      cpu.push((used.user + used.system) / 1000);
      vectors += Number(found.value.strategy === 'hybrid');
    }
  }
  const of = (times: number[]) => ({
    p50: round1(quantile(times, 0.5)),
    p95: round1(quantile(times, 0.95)),
  });
  return {
    hybrid: vectors,
    elapsed_ms: of(elapsed),
    database_ms: of(database),
    ...(values.db ? {} : { cpu_ms: of(cpu) }),
  };
}

function withoutClose(args: Record<string, unknown> = {}): Record<string, unknown> {
  const query = args['query'] as { rank?: Record<string, unknown> } | undefined;
  if (query?.rank === undefined) return args;
  return { ...args, query: { ...query, rank: { ...query.rank, close: 0, phrase: 0 } } };
}

function round1(value: number): number {
  return Math.round(value * 10) / 10;
}
