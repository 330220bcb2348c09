// The main job and the stack's life as a user has them: real processes, real database, no network.
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseFrames } from '@cogo/spec/sse.ts';
import { BINS } from '../install.ts';
import { processTree } from '../session/process_tree.ts';

const dir = mkdtempSync(join(tmpdir(), 'cogo-e2e-'));
const data = join(dir, '.cogo');
const repo = join(dir, '한글 repo 🚀');
const base = 20_000 + Math.floor(Math.random() * 1000) * 10;
const ports = ['port', 'db-port', 'studio-port', 'dashboard-port'].flatMap((name, at) => [
  `--${name}`,
  String(base + at),
]);
const env = { ...process.env, CI: 'true', COGO_DATA: data };

after(() => {
  spawnSync(process.execPath, [BINS.cogo, 'down', '--force'], { env });
  rmSync(dir, { recursive: true, force: true });
});

interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

function start(args: string[]): {
  child: ChildProcess;
  ended: Promise<Ran>;
  saw: (text: string) => Promise<string>;
} {
  const child = spawn(process.execPath, [BINS.cogo, ...args], {
    env,
    cwd: dir,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const out = { stdout: '', stderr: '' };
  const waiting = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.on('data', (chunk: Buffer) => {
      out[name] += chunk.toString();
      for (const check of waiting) check();
    });
  }
  const ended = new Promise<Ran>((resolve) => child.on('close', (code) => resolve({ code, ...out })));
  const saw = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const check = () => out.stdout.includes(text) && resolve(out.stdout);
      waiting.add(check);
      void ended.then((ran) => reject(new Error(`it ended before it said ${text}: ${JSON.stringify(ran)}`)));
      check();
    });
  return { child, ended, saw };
}

function cogo(...args: string[]): Promise<Ran> {
  return start(args).ended;
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie has ended and waits for its parent to notice.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function gone(pids: number[]): Promise<void> {
  while (pids.some(alive)) await new Promise((resolve) => setTimeout(resolve, 20));
}

function makeRepo(): void {
  mkdirSync(join(repo, 'src'), { recursive: true });
  writeFileSync(
    join(repo, 'src', 'rate.ts'),
    [
      '/** The exchange rate is read from the ledger and cached for ten minutes. */',
      'export function exchangeRate(ledger: Map<string, number>, currency: string): number {',
      '  return ledger.get(currency) ?? Number.NaN;',
      '}',
      '',
    ].join('\n'),
  );
  writeFileSync(
    join(repo, 'README.md'),
    '# Treasury\n\nTreasury converts money. It reads the exchange rate from a ledger.\n',
  );
  writeFileSync(
    join(repo, 'cogo.config.json'),
    JSON.stringify({
      recipes: {
        default: { steps: [{ name: 'check', run: ['node', '-e', 'console.log("checked")'], timeout_s: 30 }] },
      },
    }),
  );
  const git = (...args: string[]) =>
    assert.equal(
      spawnSync('git', ['-C', repo, '-c', 'user.name=t', '-c', 'user.email=t@t', ...args]).status,
      0,
    );
  spawnSync('git', ['init', '-q', repo]);
  git('add', '.');
  git('commit', '-q', '-m', 'x');
}

interface Summary {
  ok: boolean;
  timings: Record<string, number>;
  index: { files: number; chunks: number };
  answer: {
    text: string;
    citations: { path: string; start_line: number; end_line: number; quote: string }[];
  };
  job: { state: string; exit_code: number | null };
  urls: Record<string, string>;
}

test('start indexes, answers with citations, builds, prints lines that work when pasted, and ends with Ctrl-C', async () => {
  makeRepo();
  const out = join(dir, 'out.json');
  const run = start(['start', '--repo', repo, '--question', 'What is Treasury?', '--json', out, ...ports]);
  const said = await run.saw('Press Ctrl-C');
  const summary = JSON.parse(readFileSync(out, 'utf8')) as Summary;
  assert.equal(summary.ok, true);
  assert.equal(summary.index.files, 3);
  assert.deepEqual([summary.job.state, summary.job.exit_code], ['succeeded', 0]);
  assert.deepEqual(Object.keys(summary.urls), ['gateway', 'functions', 'studio', 'dashboard']);
  assert.ok(summary.answer.citations.length > 0);
  for (const { path, start_line, end_line, quote } of summary.answer.citations) {
    const lines = readFileSync(join(repo, path), 'utf8')
      .split('\n')
      .slice(start_line - 1, end_line);
    assert.ok(lines.join('\n').includes(quote), `${path}: ${quote}`);
  }
  assert.ok(said.includes(summary.answer.text), 'the answer was streamed');
  assert.doesNotMatch(said, /sb_secret_|sb_publishable_|cogo_pt_/, 'no secret is printed');

  for (const line of said.match(/^ {2}curl (?:.*\\\n)*.*$/gm)!) {
    const pasted = spawnSync('sh', ['-c', line], { encoding: 'utf8', cwd: dir, env });
    if (pasted.status === 127) continue; // this machine has no curl
    if (line.includes('event-stream')) {
      const events = parseFrames(pasted.stdout).map((frame) => frame.event);
      assert.deepEqual([events[0], events.at(-1)], ['meta', 'done'], pasted.stdout + pasted.stderr);
      assert.ok(events.includes('llm.delta'));
    } else {
      assert.equal(
        (JSON.parse(pasted.stdout) as Summary['answer'] & { ok: boolean }).ok,
        true,
        pasted.stdout,
      );
    }
  }

  const page = await fetch(summary.urls['dashboard']!);
  const html = await page.text();
  assert.match(html, /한글 repo 🚀/);
  assert.match(html, /code\.build\.test/);

  const pids = processTree(run.child.pid!).map((one) => one.pid);
  assert.ok(process.platform !== 'linux' || pids.length >= 5, `${pids.length} processes`);
  run.child.kill('SIGINT');
  assert.equal((await run.ended).code, 130);
  await gone(pids);
});

test('a build that fails is told and is no failure of start; the second start reads only what changed', async () => {
  writeFileSync(
    join(repo, 'cogo.config.json'),
    JSON.stringify({
      recipes: {
        default: { steps: [{ name: 'check', run: ['node', '-e', 'process.exit(3)'], timeout_s: 30 }] },
      },
    }),
  );
  const ran = await cogo('start', '--repo', repo, '--once', '--json', '-', ...ports);
  assert.equal(ran.code, 0, ran.stderr);
  const summary = JSON.parse(ran.stdout) as Summary & { index: { unchanged: number } };
  assert.deepEqual([summary.ok, summary.job.state, summary.job.exit_code], [true, 'failed', 3]);
  assert.equal(summary.index.unchanged, 2);
  assert.match(ran.stderr, /✗ check/);
});

test('up --detach, use, a second up is refused, kill -9 of all loses nothing, down', async () => {
  const up = await cogo('up', '--detach', '--json', '--allow-repo', repo, ...ports);
  assert.equal(up.code, 0, up.stderr);
  const { pid } = JSON.parse(up.stdout) as { pid: number };
  const status = await cogo('status', '--json');
  assert.equal(status.code, 0, status.stdout);
  for (const name of ['keys.json', 'stack.json', 'tokens.json'])
    assert.equal(statSync(join(data, name)).mode & 0o077, 0, name);

  const again = await cogo('up', '--json', ...ports);
  assert.equal(again.code, 1);
  assert.match(JSON.parse(again.stdout).why, new RegExp(`pid ${pid}`));
  assert.equal((await cogo('status')).code, 0, 'the first one runs on');

  const found = await cogo('search', 'exchange rate ledger', '--json');
  assert.equal(found.code, 0);
  assert.ok(
    (JSON.parse(found.stdout) as { items: { path: string }[] }).items.some(
      (item) => item.path === 'src/rate.ts',
    ),
  );
  const asked = await cogo('ask', 'What is Treasury?', '--json');
  assert.equal(asked.code, 0, asked.stderr);
  assert.ok((JSON.parse(asked.stdout) as Summary['answer']).citations.length > 0);
  assert.equal((await cogo('search', 'zzzzqqqq')).code, 2, 'nothing found is no data');
  assert.equal((await cogo('search', 'x', '--project', 'nope')).code, 2);
  const sql = await cogo('psql', '-c', 'select 40 + 2 as n', '--json');
  assert.deepEqual(JSON.parse(sql.stdout), { ok: true, rows: [{ n: 42 }] });
  const doctor = await cogo('doctor', '--json');
  assert.equal(doctor.code, 0, doctor.stdout);
  assert.match(
    doctor.stdout,
    /pg_textsearch (absent|available|installed), pgroonga (absent|available|installed)/,
  );

  const pids = processTree(pid).map((one) => one.pid);
  process.kill(pid, 'SIGKILL');
  await gone(pids);
  assert.equal(JSON.parse((await cogo('status', '--json')).stdout).state, 'killed');
  assert.equal((await cogo('up', '--detach', '--no-functions', ...ports)).code, 0);
  const kept = await cogo('search', 'exchange rate ledger', '--json');
  assert.equal(kept.code, 0, kept.stderr);
  const down = await cogo('down', '--json');
  assert.equal(JSON.parse(down.stdout).stopped, true);
  assert.equal((await cogo('status')).code, 2);
});
