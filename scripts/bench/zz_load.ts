// usage: load.ts data chats [prof]
import { WebSocket as WS } from 'ws';
import { up, down } from './stack_process.ts';
import { runLoad } from './load.ts';
import { readFileSync, readdirSync } from 'node:fs';
import { processTree, processName } from '../../packages/cli/src/session/process_tree.ts';
import { spawn } from 'node:child_process';
const data = process.argv[2]!; const chats = Number(process.argv[3] ?? 200); const conc = Number(process.env.CONC ?? 8);
const b = JSON.parse(readFileSync(data + '/bench.json', 'utf8'));
const stack = await up(data, ['--no-worker','--no-dashboard']);
const off = Math.floor(Math.random() * 1000);
const cpu = (pid: number) => { const [ns] = [readdirSync(`/proc/${pid}/task`).reduce((s, t) => { try { return s + Number(readFileSync(`/proc/${pid}/task/${t}/schedstat`, 'utf8').split(' ')[0]); } catch { return s; } }, 0)]; return ns / 1e6; };
try {
  const ask = async (n: number) => {
    const r = await fetch(`${stack.urls.functions}/chat`, { method: 'POST', headers: { 'content-type': 'application/json', apikey: b.pk, 'x-cogo-token': b.tokens[(n) % b.tokens.length] }, body: JSON.stringify({ project_id: b.project, text: b.questions[(n * 7 + off) % b.questions.length] }) });
    const t = await r.text(); if (!r.ok) throw new Error(t.slice(0, 200));
    if (JSON.parse(t).citations.length === 0) throw new Error('none');
  };
  await runLoad({ total: 40, concurrency: conc, request: ask });
  const tree = processTree(stack.pid); const before = tree.map((p) => cpu(p.pid));
  if (process.argv[4]) { process.kill(stack.pid, 'SIGUSR1'); }
  const rounds = Number(process.env.ROUNDS ?? 1);
  let prof: any;
  if (process.argv[4]) {
    await new Promise((r) => setTimeout(r, 500));
    const list: any = await (await fetch('http://127.0.0.1:9229/json/list')).json();
    const ws = new WS(list[0].webSocketDebuggerUrl); await new Promise((r) => (ws.onopen = r as any));
    let id = 0; const pend = new Map<number, any>(); ws.onmessage = (m) => { const d = JSON.parse(m.data as string); pend.get(d.id)?.(d.result); };
    const send = (method: string, params = {}) => new Promise<any>((r) => { const i = ++id; pend.set(i, r); ws.send(JSON.stringify({ id: i, method, params })); });
    await send('Profiler.enable'); await send('Profiler.setSamplingInterval', { interval: 300 }); await send('Profiler.start');
    prof = async () => { const r = await send('Profiler.stop'); const { writeFileSync } = await import('node:fs'); writeFileSync(process.argv[4]!, JSON.stringify(r.profile)); ws.close(); };
  }
  for (let k = 0; k < rounds; k++) {
  const load = await runLoad({ total: chats, concurrency: conc, request: (n) => ask(n + 40 + k * chats) });
  const s = load.latencies.slice().sort((a, c) => a - c); const q = (p: number) => s[Math.min(s.length - 1, Math.floor(p * s.length))]!.toFixed(0);
  console.log('fail', load.failures.length, load.failures[0] ?? '', 'p50', q(0.5), 'p95', q(0.95), 'p99', q(.99), 'rate', (chats * 1000 / load.elapsedMs).toFixed(1));
  }
  if (prof) await prof();
  await new Promise((r) => setTimeout(r, 300));
  tree.forEach((p, i) => { const ms = cpu(p.pid) - before[i]!; if (ms > 20) console.log(p.pid, processName(p.command).slice(0, 40), 'cpu ms/chat', (ms / chats / rounds).toFixed(2)); });
} finally { await down(data); }
process.exit(0);
