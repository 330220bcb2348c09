// Start times, chat latency, calls per second and memory of the embedded stack: npm run -s bench:stack -- [--quick] [--json FILE]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dataApiRpc } from '@cogo/client/data_api_rpc.ts';
import { readKeys } from '@cogo/client/stack_file.ts';
import { processName, processTree } from '../../packages/cli/src/session/process_tree.ts';
import { writeCorpus, type Corpus } from './corpus.ts';
import { runLoad } from './load.ts';
import { rawLite } from './raw_lite.ts';
import { atMost, benchArgs, finishReport, packageVersion, rowOf, type Row, type Target } from './report.ts';
import { quantile, round } from './spread.ts';
import { cogo, down, up, type Up } from './stack_process.ts';

const CHUNKS = 2000;
const CONCURRENCY = 8;
/** The chat function lets a principal ask 60 times at once; several tokens keep its rate limit out of the measurement. */
const PER_TOKEN = 50;
const SYSTEM = 'cogo embedded';

const args = benchArgs();
const size = args.quick
  ? { first: 1, second: 2, chats: 200, calls: 1500, warm: 20 }
  : { first: 3, second: 5, chats: 1000, calls: 6000, warm: 50 };
const rows: Row[] = [];
const targets: Target[] = [];
const work = mkdtempSync(join(tmpdir(), 'cogo-bench-'));
let data = '';
try {
  await starts();
  const stack = await up(data);
  await chats(stack);
  await calls(stack);
  memory(stack.pid);
  await down(data);
  await peer();
  finishReport(args, { rows, targets, versions: versions() });
} finally {
  if (data) await down(data).catch(() => {});
  rmSync(work, { recursive: true, force: true });
}
process.exit(0);

async function starts(): Promise<void> {
  const first: number[] = [];
  const second: number[] = [];
  for (let n = 0; n < size.first; n++) {
    data = join(work, `first-${n}`);
    first.push((await up(data)).ms);
    await down(data);
  }
  for (let n = 0; n < size.second; n++) {
    second.push((await up(data)).ms);
    await down(data);
  }
  rows.push(rowOf('first start', SYSTEM, 'ms', first), rowOf('second start', SYSTEM, 'ms', second));
  targets.push(
    atMost('first start', 20_000, 'ms', quantile(first, 0.5)),
    atMost('second start', 8000, 'ms', quantile(second, 0.5)),
  );
}

async function chats(stack: Up): Promise<void> {
  const folder = join(work, 'corpus');
  const corpus: Corpus = writeCorpus(folder, CHUNKS);
  const began = performance.now();
  const index = await cogo<{ files: number; chunks: number }>(['index', folder, '--data', data]);
  const indexed = performance.now() - began;
  rows.push(rowOf(`index ${index.files} files, ${index.chunks} chunks`, SYSTEM, 'ms', [indexed]));
  const keys = readKeys(data);
  if (!keys.ok) throw new Error(keys.error.message);
  const service = dataApiRpc({ url: stack.urls.gateway, apikey: keys.value.secret_key });
  const project = await service.call<{ id: string }>('get_project', { project: 'local' });
  if (!project.ok) throw new Error(project.error.message);
  const tokens: string[] = [];
  for (let n = 0; n < Math.ceil((size.chats + size.warm) / PER_TOKEN); n++) {
    const made = await service.call<{ token: string }>('create_token', {
      project_id: project.value.id,
      kind: 'project',
      name: `bench ${n}`,
    });
    if (!made.ok) throw new Error(made.error.message);
    tokens.push(made.value.token);
  }
  const ask = async (n: number) => {
    const answer = await fetch(`${stack.urls.functions}/chat`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        apikey: keys.value.publishable_key,
        'x-cogo-token': tokens[n % tokens.length]!,
      },
      body: JSON.stringify({
        project_id: project.value.id,
        text: corpus.questions[n % corpus.questions.length],
      }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`HTTP ${answer.status}: ${text.slice(0, 200)}`);
    if ((JSON.parse(text) as { citations: unknown[] }).citations.length === 0)
      throw new Error('an answer without citations');
  };
  await runLoad({ total: size.warm, concurrency: CONCURRENCY, request: ask });
  const load = await runLoad({
    total: size.chats,
    concurrency: CONCURRENCY,
    request: (n) => ask(n + size.warm),
  });
  if (load.failures.length > 0)
    throw new Error(`${load.failures.length} of ${size.chats} chats failed: ${load.failures[0]}`);
  const name = `chat, ${index.chunks} chunks, ${CONCURRENCY} concurrent, JSON`;
  const p95 = quantile(load.latencies, 0.95);
  rows.push(
    rowOf(`${name}: P50`, SYSTEM, 'ms', load.latencies),
    { ...rowOf(`${name}: P95`, SYSTEM, 'ms', load.latencies), value: round(p95) },
    rowOf(`${name}: rate`, SYSTEM, '1/s', [(size.chats * 1000) / load.elapsedMs]),
  );
  targets.push(atMost('chat P95', 300, 'ms', p95));
}

async function calls(stack: Up): Promise<void> {
  const keys = readKeys(data);
  if (!keys.ok) throw new Error(keys.error.message);
  const rpc = dataApiRpc({ url: stack.urls.gateway, apikey: keys.value.secret_key });
  rows.push(
    await callRate(SYSTEM, async () => {
      const result = await rpc.call('whoami');
      if (!result.ok) throw new Error(result.error.message);
    }),
  );
}

async function peer(): Promise<void> {
  const lite = await rawLite();
  try {
    rows.push(
      await callRate(`raw @supabase/lite ${packageVersion('@supabase/lite')}, trivial function`, lite.call),
    );
  } finally {
    await lite.close();
  }
}

/** Calls per second in five parts, so that there is a spread. */
async function callRate(system: string, call: () => Promise<void>): Promise<Row> {
  const parts = 5;
  const rates: number[] = [];
  await runLoad({ total: 100, concurrency: CONCURRENCY, request: call });
  for (let part = 0; part < parts; part++) {
    const load = await runLoad({ total: size.calls / parts, concurrency: CONCURRENCY, request: call });
    if (load.failures.length > 0) throw new Error(`a call of ${system} failed: ${load.failures[0]}`);
    rates.push((load.latencies.length * 1000) / load.elapsedMs);
  }
  return rowOf(`rpc through the gateway, supabase-js, ${CONCURRENCY} concurrent`, system, '1/s', rates);
}

function memory(pid: number): void {
  const MIB = 1024 ** 2;
  const processes = processTree(pid);
  if (processes.length === 0) throw new Error('memory cannot be measured here: there is no /proc');
  for (const one of processes)
    rows.push(rowOf(`memory after the load: ${processName(one.command)}`, SYSTEM, 'MiB', [one.rss / MIB]));
  const total = processes.reduce((sum, one) => sum + one.rss, 0) / MIB;
  rows.push(rowOf('memory after the load: total', SYSTEM, 'MiB', [total]));
  targets.push(atMost('total memory', 1024, 'MiB', total));
}

function versions(): Record<string, string> {
  return Object.fromEntries(
    ['@supabase/lite', '@supabase/supabase-js', '@electric-sql/pglite', 'deno'].map((name) => [
      name,
      packageVersion(name),
    ]),
  );
}
