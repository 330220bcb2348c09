// CPU of search alone; argv: data n [sql file or statement to run first...]
import { cpSync, readFileSync, rmSync, existsSync } from 'node:fs';
import { openEmbedded } from '../../packages/stack/src/gateway/open_connection.ts';
import { search } from '../../packages/knowledge/src/answer/search.ts';
const data = process.argv[2]!; const n = Number(process.argv[3] ?? 60);
const b = JSON.parse(readFileSync(data + '/bench.json', 'utf8'));
const copy = '/tmp/chatp/copy-' + process.pid; cpSync(data + '/pg', copy, { recursive: true });
try {
const c = await openEmbedded(copy); const db = c.db;
for (const s of process.argv.slice(4)) await db.exec(existsSync(s) ? readFileSync(s, 'utf8').replace(/create function/g, 'create or replace function') : s);
await db.exec("set track_functions = 'all'");
const cpu = () => { const u = process.cpuUsage(); return (u.user + u.system) / 1000; };
const took: number[] = []; const wall: number[] = []; let lens: number[] = [];
let digest = 0;
const rpc: any = { call: async (_fn: string, args: any) => {
  const t = cpu(); const w = performance.now();
  const rows = await db.query<any>(`select cogo_api.search(r.project_id, r.query)::text as body from jsonb_to_record($1::text::jsonb) as r(project_id uuid, query jsonb)`, [JSON.stringify(args)]);
  took.push(cpu() - t); wall.push(performance.now() - w); const body = JSON.parse(rows[0].body); lens.push(rows[0].body.length);
  for (const i of body.items) digest = (digest * 31 + i.chunk_id) % 1000000007;
  return { ok: true, value: body };
} };
for (let i = 0; i < n + 15; i++) {
  if (i === 15) { took.length = 0; wall.length = 0; digest = 0; await db.query('select pg_stat_reset()'); }
  const f = await search({ rpc, projectId: b.project, q: b.questions[(i * 7) % b.questions.length], limit: 13, ...(process.env.OPTS ? JSON.parse(process.env.OPTS) : {}) });
  if (!f.ok) throw new Error(JSON.stringify(f));
}
const s = took.slice().sort((a, b) => a - b), w = wall.slice().sort((a, b) => a - b);
console.log('search cpu median', s[s.length >> 1]!.toFixed(2), 'min', s[0]!.toFixed(2), 'mean', (took.reduce((x, y) => x + y) / took.length).toFixed(2), 'wall p50', w[w.length >> 1]!.toFixed(1), 'p95', w[Math.floor(w.length * .95)]!.toFixed(1), 'bytes', lens.at(-1), 'digest', digest);
await db.query('select pg_stat_force_next_flush()');
for (const r of await db.query<any>(`select schemaname || '.' || funcname f, calls, total_time, self_time from pg_stat_user_functions order by self_time desc limit 14`)) console.log(String(r.f).padEnd(32), 'calls/q', (Number(r.calls) / n).toFixed(1), 'total', (r.total_time / n).toFixed(2), 'self', (r.self_time / n).toFixed(2));
await c.close();
} finally { rmSync(copy, { recursive: true, force: true }); }
process.exit(0);
