import { cpSync, readFileSync, rmSync } from 'node:fs';
import { openEmbedded } from '../../packages/stack/src/gateway/open_connection.ts';
const data = process.argv[2]!; const copy = '/tmp/chatp/copy-' + process.pid; cpSync(data + '/pg', copy, { recursive: true });
try {
const c = await openEmbedded(copy); const db = c.db;
const terms = (await db.query<any>(`select array_agg(id) ids from cogo.lex_terms where term in ('merg','merge','webhook','tenant','crash','loses','lose','nothing','noth')`))[0].ids;
console.log(terms, (await db.query<any>(`select count(*) n from cogo.lex_postings where term_id = any($1::int[])`, [terms]))[0]);
const cpu = () => { const u = process.cpuUsage(); return (u.user + u.system) / 1000; };
const qs: Record<string,string> = {
 count: `select count(*) from unnest($1::int[]) t(id) cross join lateral (select x.* from cogo.lex_postings x where x.term_id = t.id offset 0) p`,
 sumlen: `select sum(length) from unnest($1::int[]) t(id) cross join lateral (select x.* from cogo.lex_postings x where x.term_id = t.id offset 0) p`,
 group: `select count(*) from (select chunk_id, count(*) from unnest($1::int[]) t(id) cross join lateral (select x.chunk_id from cogo.lex_postings x where x.term_id = t.id offset 0) p group by chunk_id) z`,
 groupany: `select count(*) from (select chunk_id, count(*) from cogo.lex_postings x where x.term_id = any($1::int[]) group by chunk_id) z`,
 score: `select count(s) from (select chunk_id, sum(t.id * p.tf * 2.2::float8 / (p.tf + 0.3::float8 + 0.01::float8 * p.length)) s from unnest($1::int[]) t(id) cross join lateral (select x.chunk_id, x.length, 1::float8 * x.path + 2::float8 * x.name + 1::float8 * x.doc + 1::float8 * x.body as tf from cogo.lex_postings x where x.term_id = t.id offset 0) p group by chunk_id) z`,
 scoreint: `select count(s) from (select chunk_id, sum(t.id * p.tf / (p.tf + 0.3::float8 + 0.01::float8 * p.length)) s from unnest($1::int[]) t(id) cross join lateral (select x.chunk_id, x.length, (1 * x.path + 2 * x.name + 1 * x.doc + 1 * x.body)::float8 as tf from cogo.lex_postings x where x.term_id = t.id offset 0) p group by chunk_id) z`,
 scoresort: `select count(*) from (select * from (select chunk_id, sum(t.id * p.tf * 2.2::float8 / (p.tf + 0.3::float8 + 0.01::float8 * p.length)) s from unnest($1::int[]) t(id) cross join lateral (select x.chunk_id, x.length, 1::float8 * x.path + 2::float8 * x.name + 1::float8 * x.doc + 1::float8 * x.body as tf from cogo.lex_postings x where x.term_id = t.id offset 0) p group by chunk_id) z order by s desc, chunk_id limit 100) y`,
};
for (const [k, q] of Object.entries(qs)) { const l: number[] = []; for (let i = 0; i < 40; i++) { const t = cpu(); await db.query(q, [terms]); l.push(cpu() - t); } l.sort((a, b) => a - b); console.log(k.padEnd(10), 'min', l[0]!.toFixed(2), 'median', l[20]!.toFixed(2)); }
} finally { rmSync(copy, { recursive: true, force: true }); }
process.exit(0);
