// per-call CPU of the database work of one chat, on a copy of the data folder
import { cpSync, readFileSync, rmSync, readdirSync } from 'node:fs';
import { openEmbedded } from '../../packages/stack/src/gateway/open_connection.ts';
import { readQuestion } from '../../packages/knowledge/src/answer/question.ts';
import { search } from '../../packages/knowledge/src/answer/search.ts';
import { sessionSettings } from '../../packages/stack/src/place/open_database.ts';
const data = process.argv[2]!; const n = Number(process.argv[3] ?? 60);
const b = JSON.parse(readFileSync(data + '/bench.json', 'utf8'));
const copy = '/tmp/chatp/copy'; rmSync(copy, { recursive: true, force: true });
const dbdir = readdirSync(data).find((x) => /^(pg)/.test(x))!;
cpSync(data + '/' + dbdir, copy, { recursive: true });
const c = await openEmbedded(copy); const db = c.db;
const cpu = () => { const u = process.cpuUsage(); return (u.user + u.system) / 1000; };
const sums = new Map<string, number[]>();
const SETTINGS = `select set_config('request.jwt.claims', $1, true), set_config('request.jwt.claim.sub', $2, true), set_config('request.jwt.claim.role', $3, true), set_config('request.method', 'POST', true), set_config('request.path', $4, true), set_config('request.headers', $5, true), set_config('role', $3, true)`;
let depth = 0;
async function call(name: string, args: any, role: string, token?: string) {
  const t0 = cpu();
  const types: any = { request: 'jsonb', query: 'jsonb', answer: 'jsonb', usage: 'jsonb', messages: 'jsonb', project_id: 'uuid', session_id: 'uuid', project: 'text' , events: 'jsonb'};
  const names = Object.keys(args).sort();
  const body = names.map((k) => `"${k}" => r."${k}"`).join(', '), cols = names.map((k) => `"${k}" ${types[k] ?? 'text'}`).join(', ');
  const r = await db.transaction(async (tx) => {
    const a = cpu();
    await tx.query(SETTINGS, [JSON.stringify({ role }), '', role, `/x`, JSON.stringify({ apikey: 'x', 'x-cogo-token': token ?? '' , host: 'localhost', 'user-agent': 'Deno', accept: 'application/json' })]);
    add(name + ' (settings)', cpu() - a);
    const bb = cpu();
    const rows = await tx.query<any>(`select cogo_api.${name}(${body})::text as body from jsonb_to_record($1::text::jsonb) as r(${cols || 'x text'})`, [JSON.stringify(args)]);
    add(name + ' (call)', cpu() - bb);
    return rows;
  });
  add(name + ' (all)', cpu() - t0);
  return JSON.parse(r[0]!.body);
}
function add(k: string, v: number) { const l = sums.get(k) ?? []; l.push(v); sums.set(k, l); }
for (let i = 0; i < n; i++) {
  if (i === 15) sums.clear();
  const token = b.tokens[i % 40], q = b.questions[(i * 7) % b.questions.length];
  const trace_id = crypto.randomUUID().replaceAll('-', '');
  await call('request_begin', { request: { trace_id, function: 'chat', principal: 'token:x' + (i % 40), route: 'POST /chat', project_id: b.project, rate: { bucket: 'chat:x' + i % 40, capacity: 120, refill_per_s: 10, cost: 1 } } }, 'service_role');
  const s = await call('chat_begin', { project_id: b.project, session_id: null, trace_id, messages: [{ role: 'user', content: q }], model: 'm', role_id: null }, 'anon', token);
  const found = await search({ rpc: { call: async (fn: string, args: any) => ({ ok: true, value: await call(fn, args, 'anon', token) }) } as any, projectId: b.project, q, limit: 13 });
  if (!found.ok) throw new Error(JSON.stringify(found));
  await call('chat_end', { session_id: s.session_id, trace_id, answer: { text: 'x'.repeat(900), citations: found.value.items.slice(0, 4).map((x: any) => ({ n: 1, quote: x.text })), refused: false }, usage: { provider: 'p', model: 'm', input_tokens: 500, output_tokens: 50, cost_usd: 0 } }, 'anon', token);
  const ev = (t: string) => ({ trace_id, source: 'chat', project_id: b.project, event_type: t, payload: { a: 1, b: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' } });
  await call('request_end', { request: { trace_id, function: 'chat', principal: 'token:x' + (i % 40), status: 200, duration_ms: 5, trace_status: 'ready', output: { text: 'x'.repeat(4000) }, events: ['chat.started', 'rag.done', 'llm.done', 'chat.done', 'request.done'].map(ev) } }, 'service_role');
  await call('whoami', {}, 'anon', token);
}
for (const [k, v] of sums) { const s = v.slice().sort((a, b) => a - b); console.log(k.padEnd(28), 'median', s[s.length >> 1]!.toFixed(2), 'mean', (v.reduce((x, y) => x + y, 0) / v.length).toFixed(2), 'ms cpu'); }
process.exit(0);
