// A gateway on an own Postgres, in a process of its own, whose backends are killed under it.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import postgres from 'postgres';
import { removeDataDir } from '../testing_place.ts';

const server = process.env['COGO_TEST_DB'];
const skip = server ? false : 'needs COGO_TEST_DB';
const name = `cogo_killed_${randomBytes(6).toString('hex')}`;
let admin: postgres.Sql;
let inside: postgres.Sql;
let child: ChildProcess;
let stack: { gateway: string; key: string };
let said = '';
let dataDir: string;

before(async () => {
  if (!server) return;
  admin = postgres(server, { max: 1, onnotice: () => {} });
  await admin.unsafe(`create database ${name}`);
  const at = new URL(server);
  at.pathname = `/${name}`;
  dataDir = join(mkdtempSync(join(tmpdir(), 'cogo-killed-')), '.cogo');
  const program = fileURLToPath(new URL('../testing_stack_process.ts', import.meta.url));
  child = spawn(process.execPath, ['--import', 'tsx', program, dataDir, at.href], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stderr!.on('data', (text) => {
    said += String(text);
  });
  const [line] = (await once(child.stdout!, 'data')) as [Buffer];
  stack = JSON.parse(String(line)) as typeof stack;
  inside = postgres(at.href, { max: 2, onnotice: () => {}, connection: { application_name: 'witness' } });
  await inside`select 1`;
});
after(async () => {
  if (!server) return;
  if (child.exitCode === null) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await inside.end();
  removeDataDir(dataDir);
  await admin.unsafe(`drop database if exists ${name} with (force)`);
  await admin.end();
});

/** A call; with `prefer` it goes through the gateway library. */
const post = (prefer = '') =>
  fetch(`${stack.gateway}/rest/v1/rpc/list_projects`, {
    method: 'POST',
    headers: {
      apikey: stack.key,
      'content-type': 'application/json',
      'content-profile': 'cogo_api',
      ...(prefer ? { prefer } : {}),
    },
    body: '{}',
  });

/** Backends of the gateway that wait for a lock, once there are so many. */
async function waiting(count: number): Promise<number[]> {
  for (;;) {
    const rows = await inside<{ pid: number }[]>`
      select pid from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock' and application_name <> 'witness'`;
    if (rows.length >= count) return rows.map(({ pid }) => pid);
  }
}

/** Answers of calls that were in the middle of their transaction when their backend was killed. */
async function killedWithin(calls: () => Promise<Response>[]): Promise<Response[]> {
  let answers: Promise<Response>[] = [];
  await inside.begin(async (tx) => {
    await tx`lock table cogo.projects in access exclusive mode`;
    answers = calls();
    const pids = await waiting(answers.length);
    await admin`select pg_terminate_backend(pid) from unnest(${pids}::int[]) as p(pid)`;
    await Promise.all(answers);
  });
  return Promise.all(answers);
}

/** Until every connection answers: one that was killed may still be taken for a live one, once. */
async function answered(): Promise<void> {
  for (;;) {
    const round = await Promise.all(Array.from({ length: 16 }, () => post()));
    const states = round.map(({ status }) => status);
    assert.ok(
      states.every((status) => status === 200 || status === 503),
      String(states),
    );
    if (!states.includes(503)) return;
  }
}

test('a backend killed in the middle of a call is a 503, and the next call is answered', {
  skip,
}, async () => {
  for (let round = 0; round < 3; round++) {
    const answers = await killedWithin(() => Array.from({ length: 4 }, () => post()));
    for (const answer of answers) {
      assert.equal(answer.status, 503);
      const body = (await answer.json()) as { code: string; message: string };
      assert.equal(body.code, 'PGRST001');
      assert.match(body.message, /closed the connection/);
    }
    await answered();
  }
});

test('the same on the way through the gateway library', { skip }, async () => {
  const answers = await killedWithin(() => [post('count=none'), post('count=none')]);
  for (const answer of answers) {
    assert.equal(answer.status, 503);
    assert.equal(((await answer.json()) as { code: string }).code, 'PGRST001');
  }
  await answered();
  assert.equal((await post('count=none')).status, 200);
});

test('while all backends are killed again and again, calls are answered or are a 503', { skip }, async () => {
  let over = false;
  const seen = new Map<number, number>();
  const odd: string[] = [];
  const callers = Array.from({ length: 6 }, async () => {
    while (!over) {
      const answer = await post();
      const text = await answer.text();
      seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1);
      if (![200, 503].includes(answer.status)) odd.push(`${answer.status} ${text}`);
    }
  });
  for (let round = 0; round < 30; round++) {
    const before_ = seen.get(200) ?? 0;
    await inside`
      select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name <> 'witness'`;
    while ((seen.get(200) ?? 0) < before_ + 4) await new Promise((resolve) => setImmediate(resolve));
  }
  over = true;
  await Promise.all(callers);
  assert.deepEqual(odd, []);
  await answered();
  assert.equal(child.exitCode, null, said);
  assert.equal((await fetch(`${stack.gateway}/healthz`)).status, 200);
});
