// A/B of search: argv data n dirA dirB ; installs functions of the folder under suffixed names; interleaved cpu
import { cpSync, readFileSync, rmSync, readdirSync } from 'node:fs';
import { openEmbedded } from '../../packages/stack/src/gateway/open_connection.ts';
import { search } from '../../packages/knowledge/src/answer/search.ts';
const data = process.argv[2]!; const n = Number(process.argv[3] ?? 60);
const dirs = process.argv.slice(4);
const b = JSON.parse(readFileSync(data + '/bench.json', 'utf8'));
const copy = '/tmp/chatp/copy-' + process.pid; cpSync(data + '/pg', copy, { recursive: true });
try {
const c = await openEmbedded(copy); const db = c.db;
const names = ['find_terms', 'hash_vector', 'rank_chunks', 'nearest_chunks', 'chunk_json'];
for (const [k, dir] of dirs.entries()) {
  const files = readdirSync(dir).filter((f) => /(search|find_terms|hash_vector|rank_chunks|nearest_chunks|chunk_json|count_words|share)\.sql$/.test(f)).sort();
  for (const f of files) {
    let s = readFileSync(dir + '/' + f, 'utf8');
    for (const nm of names) s = s.replaceAll(`cogo.${nm}(`, `cogo.${nm}_v${k}(`).replace(/(\n(?:\s+)?\b)(find_terms|hash_vector|rank_chunks|nearest_chunks)\.(?=[a-z])/g, '$1$2.');
    for (const nm of names) s = s.replace(new RegExp(`(?<![.\\w])${nm}\\.(project_id|query|fused|features)`, 'g'), `${nm}_v${k}.$1`);
    s = s.replaceAll('cogo_api.search(', `cogo_api.search_v${k}(`).replace(/(?<![.\w])search\.(project_id|query)/g, `search_v${k}.$1`);
    await db.exec(s);
  }
}
await db.exec("set track_functions = 'all'");
const cpu = () => { const u = process.cpuUsage(); return (u.user + u.system) / 1000; };
const took: number[][] = dirs.map(() => []); const results: string[][] = dirs.map(() => []);
const opts = process.env.OPTS ? JSON.parse(process.env.OPTS) : {};
for (let i = 0; i < n + 15; i++) {
  if (i === 15) { took.forEach((t) => (t.length = 0)); await db.query('select pg_stat_reset()'); }
  for (const k of dirs.map((_, x) => (x + i) % dirs.length)) {
    const rpc: any = { call: async (_fn: string, args: any) => {
      const t = cpu();
      const rows = await db.query<any>(`select cogo_api.search_v${k}(r.project_id, r.query)::text as body from jsonb_to_record($1::text::jsonb) as r(project_id uuid, query jsonb)`, [JSON.stringify(args)]);
      took[k]!.push(cpu() - t); return { ok: true, value: JSON.parse(rows[0].body) };
    } };
    const f: any = await search({ rpc, projectId: b.project, q: b.questions[(i * 7) % b.questions.length], limit: 13, ...opts });
    if (!f.ok) throw new Error(JSON.stringify(f));
    results[k]!.push(f.value.items.map((x: any) => x.chunk_id + ':' + x.score.toFixed(9)).join(' '));
  }
}
dirs.forEach((d, k) => { const s = took[k]!.slice().sort((a, b) => a - b); console.log(d, 'cpu min', s[0]!.toFixed(2), 'p25', s[s.length >> 2]!.toFixed(2), 'median', s[s.length >> 1]!.toFixed(2), 'mean', (s.reduce((x, y) => x + y) / s.length).toFixed(2), 'differ from first:', results[k]!.filter((r, i) => r !== results[0]![i]).length); });
const d = results.at(-1)!.findIndex((r, i) => r !== results[0]![i]); if (d >= 0) console.log(results[0]![d] + '\n' + results.at(-1)![d]);
if (process.env.FN) { await db.query('select pg_stat_force_next_flush()'); for (const r of await db.query<any>(`select schemaname || '.' || funcname f, calls, total_time, self_time from pg_stat_user_functions order by self_time desc limit 24`)) console.log(String(r.f).padEnd(32), 'calls/q', (Number(r.calls) / n).toFixed(1), 'total', (r.total_time / n).toFixed(2), 'self', (r.self_time / n).toFixed(2)); }
} finally { rmSync(copy, { recursive: true, force: true }); }
process.exit(0);
