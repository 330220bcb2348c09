import { cpSync, readFileSync, rmSync, existsSync } from 'node:fs';
import { PGlite } from '@electric-sql/pglite';
import { auto_explain } from '@electric-sql/pglite/contrib/auto_explain';
import { EXTENSIONS, START_PARAMS } from '../../packages/stack/src/database/pglite.ts';
import { search } from '../../packages/knowledge/src/answer/search.ts';
const data = process.argv[2]!;
const b = JSON.parse(readFileSync(data + '/bench.json', 'utf8'));
const copy = '/tmp/chatp/copy-' + process.pid; cpSync(data + '/pg', copy, { recursive: true });
try {
const pg: any = await PGlite.create({ dataDir: copy, extensions: { ...EXTENSIONS, auto_explain }, startParams: START_PARAMS } as any);
for (const s of process.argv.slice(3)) await pg.exec(existsSync(s) ? readFileSync(s, 'utf8').replace(/create function/g, 'create or replace function') : s);
let show = false;
const run = (args: any) => pg.query(`select cogo_api.search(r.project_id, r.query)::text as body from jsonb_to_record($1::text::jsonb) as r(project_id uuid, query jsonb)`, [JSON.stringify(args)], show ? { onNotice: (n: any) => { if (/mode|Query Text/.test(n.message)) console.log(n.message.replace(/Query Text:[\s\S]*?\n(?=\S.*\(cost|\S+ .*\(cost)/, '')); } } : {});
const rpc: any = { call: async (_f: string, args: any) => ({ ok: true, value: JSON.parse(((await run(args)) as any).rows[0].body) }) };
for (let i = 0; i < 12; i++) await search({ rpc, projectId: b.project, q: b.questions[(i * 7) % b.questions.length], limit: 13 });
await pg.exec(`load 'auto_explain'; set auto_explain.log_min_duration = ${process.env.MIN ?? 2}; set auto_explain.log_analyze = on; set auto_explain.log_nested_statements = on; set client_min_messages = log; set auto_explain.log_timing = on;`);
show = true;
console.log(b.questions[91]);
await search({ rpc, projectId: b.project, q: b.questions[91], limit: 13 });
await pg.close();
} finally { rmSync(copy, { recursive: true, force: true }); }
process.exit(0);
