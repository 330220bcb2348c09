import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { dataApiRpc } from '@cogo/client/rpc.ts';
import type { StackFile } from '@cogo/client/stack_file.ts';
import { listen } from './place/ports.ts';
import { type Stack, startStack } from './start.ts';
import { REPO, removeDataDir, testDataDir } from './testing_place.ts';

const RUN = fileURLToPath(new URL('./testing_run.ts', import.meta.url));
const ANY = { gateway: 0, db: 0, studio: 0 };

let dataDir: string;
const running: { stop(): Promise<void> }[] = [];
beforeEach(async () => {
  dataDir = await testDataDir();
});
afterEach(async () => {
  for (const stack of running.splice(0)) await stack.stop();
  removeDataDir(dataDir);
});

async function start(options: Partial<Parameters<typeof startStack>[0]> = {}) {
  const started = await startStack({ dataDir, root: REPO, functions: false, ports: ANY, ...options });
  if (started.ok) running.push(started.value);
  return started;
}

async function startOk(options: Partial<Parameters<typeof startStack>[0]> = {}): Promise<Stack> {
  const started = await start(options);
  assert.ok(started.ok, started.ok ? '' : started.error.message);
  return started.value;
}

async function startChild(): Promise<{
  child: ChildProcess;
  said: { url: string; secret: string; error?: { message: string } };
}> {
  const child = spawn(process.execPath, ['--import', 'tsx', RUN, dataDir], {
    cwd: REPO,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.push({
    async stop() {
      if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL'))
        await once(child, 'exit');
    },
  });
  const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string];
  return { child, said: JSON.parse(line) };
}

test('everything acknowledged before a kill -9 in the middle of writes is there after the next start', async () => {
  const { child, said } = await startChild();
  const rpc = dataApiRpc({ url: said.url, apikey: said.secret });
  const acknowledged: string[] = [];
  let next = 0;
  let killed = false;
  const gone = once(child, 'exit');
  const write = async () => {
    while (!killed) {
      next += 1;
      const slug = `kill-test-${next}`;
      const made = await rpc.call('create_project', { name: slug, slug });
      if (!made.ok) return;
      acknowledged.push(slug);
      if (acknowledged.length === 60) {
        killed = true;
        child.kill('SIGKILL');
      }
    }
  };
  await Promise.all(Array.from({ length: 6 }, write));
  await gone;
  assert.ok(existsSync(join(dataDir, 'lock')), 'the killed stack left its lock');
  const notes: string[] = [];
  const stack = await startOk({ onProgress: (step) => step.note && notes.push(step.note) });
  assert.match(notes.join(), /did not stop by itself/);
  const projects = await stack.rpc.call<{ slug: string }[]>('list_projects');
  assert.ok(projects.ok);
  const present = new Set(projects.value.map((project) => project.slug));
  assert.deepEqual(
    acknowledged.filter((slug) => !present.has(slug)),
    [],
  );
  assert.ok(acknowledged.length >= 60);
});

test('of two stacks on one data folder the second is refused and names the first, which goes on', async () => {
  const { child, said } = await startChild();
  const second = await start();
  assert.ok(!second.ok);
  assert.equal(second.error.code, 'unavailable');
  assert.match(second.error.message, new RegExp(`pid ${child.pid}`));
  assert.equal((await fetch(`${said.url}/healthz`)).status, 200);
});

test('two stacks started at the same moment: one starts, the other is told so', async () => {
  const both = await Promise.all([start(), start()]);
  assert.deepEqual(both.map((started) => started.ok).sort(), [false, true]);
});

test('a taken port is named and the next free one is used and reported', async () => {
  const blocker = createServer();
  const port = await listen(blocker, 0);
  try {
    const notes: string[] = [];
    const stack = await startOk({
      ports: { ...ANY, gateway: port },
      onProgress: (step) => step.note && notes.push(step.note),
    });
    assert.match(notes.join(), new RegExp(`port ${port} for gateway is taken, using ${stack.ports.gateway}`));
    assert.notEqual(stack.ports.gateway, port);
    assert.equal((await fetch(`${stack.urls.gateway}/healthz`)).status, 200);
  } finally {
    blocker.close();
  }
});

test('stack.json tells what runs, holds no secret, is its owner’s only, and goes with the stack', async () => {
  const stack = await startOk();
  const path = join(dataDir, 'stack.json');
  const text = readFileSync(path, 'utf8');
  const file = JSON.parse(text) as StackFile;
  assert.deepEqual([file.pid, file.urls.gateway, file.db], [process.pid, stack.urls.gateway, 'pglite']);
  for (const secret of Object.values(stack.keys)) assert.ok(!text.includes(secret));
  assert.equal(statSync(path).mode & 0o777, 0o600);
  await stack.stop();
  assert.ok(!existsSync(path));
  assert.ok(!existsSync(join(dataDir, 'lock')));
  await assert.rejects(fetch(`${stack.urls.gateway}/healthz`));
});

test('a migration that fails halfway stops the start, is named, leaves the data as it was, and the mended one goes in', async () => {
  const root = join(dataDir, '..', 'root');
  cpSync(join(REPO, 'supabase/migrations'), join(root, 'supabase/migrations'), { recursive: true });
  const bad = join(root, 'supabase/migrations/99990101000000_bad.sql');
  writeFileSync(bad, 'create table public.half (a int);\nselect no_such_function();\n');
  const failed = await start({ root });
  assert.ok(!failed.ok);
  assert.match(
    failed.error.message,
    /99990101000000_bad\.sql failed at line 2 \(statement 2 of 2\): .*no_such_function/,
  );
  assert.ok(!existsSync(join(dataDir, 'lock')), 'nothing keeps the folder');
  writeFileSync(bad, 'create table public.half (a int);\n');
  const stack = await startOk({ root });
  const answer = await fetch(`${stack.urls.gateway}/rest/v1/half`, {
    headers: { apikey: stack.keys.publishable_key },
  });
  assert.deepEqual([answer.status, await answer.json()], [200, []]);
});

test('a start that is interrupted leaves nothing running', async () => {
  const stop = new AbortController();
  const started = await start({
    signal: stop.signal,
    onProgress: ({ name, ms }) => {
      if (name === 'migrations' && ms === undefined) stop.abort();
    },
  });
  assert.ok(!started.ok);
  assert.equal(started.error.code, 'aborted');
  assert.ok(!existsSync(join(dataDir, 'lock')));
  await startOk();
});

test('a senseless or silent --db is an error that says so, without its password', async () => {
  const wrong = await start({ dbUrl: 'mysql://x' });
  assert.ok(!wrong.ok && wrong.error.code === 'bad_request');
  const password = 'open-sesame';
  const silent = await start({ dbUrl: `postgres://me:${password}@127.0.0.1:1/db` });
  assert.ok(!silent.ok);
  assert.equal(silent.error.code, 'unavailable');
  assert.match(silent.error.message, /127\.0\.0\.1:1\/db does not answer/);
  assert.ok(!silent.error.message.includes(password));
});

test('a data folder that is a file is an error that names it', async () => {
  const file = join(dataDir, 'keys.json');
  writeFileSync(file, '{}');
  const started = await start({ dataDir: file });
  assert.ok(!started.ok);
  assert.ok(started.error.message.includes(file));
});
