import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startTestStack, testDataDir, type TestStack } from '../testing_place.ts';

const FIXTURES = fileURLToPath(new URL('./host/fixtures', import.meta.url));

let t: TestStack;
let functionsDir: string;

before(async () => {
  const dataDir = await testDataDir();
  functionsDir = join(dataDir, '..', 'functions');
  cpSync(FIXTURES, functionsDir, { recursive: true });
  t = await startTestStack({
    dataDir,
    functions: true,
    reload: true,
    tuning: { functionsDir, hangMs: 1000, pingMs: 100, functionTimeoutMs: 2000 },
  });
});
after(() => t.close());

const call = (path: string, init?: RequestInit) => fetch(`${t.stack.urls.functions}${path}`, init);

async function until<T>(ask: () => Promise<T>, wanted: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
  }
}

const logged = () => readFileSync(join(t.dataDir, 'logs', 'functions.log'), 'utf8');

test('a call reaches its function with method, path, headers and body, and the function sees the gateway’s address', async () => {
  const answer = await call('/echo/deep/path?q=1', {
    method: 'PUT',
    headers: { 'x-probe': 'yes' },
    body: 'payload',
  });
  assert.deepEqual(await answer.json(), {
    method: 'PUT',
    pathname: '/echo/deep/path',
    header: 'yes',
    body: 'payload',
    url: t.stack.urls.gateway,
  });
});

test('a function may not read files, write, run programs, see the environment or reach other addresses', async () => {
  const outcome = (await (await call('/reaches')).json()) as Record<string, string>;
  for (const [name, what] of Object.entries(outcome))
    assert.match(what, /^(NotCapable|PermissionDenied)$/, name);
  assert.equal(Object.keys(outcome).length, 6);
});

test('frames of a stream arrive as they are sent, and a caller that goes away ends the function’s stream', async () => {
  const leave = new AbortController();
  const answer = await call('/echo/stream', { signal: leave.signal });
  assert.equal(answer.headers.get('content-type'), 'text/event-stream');
  const reader = answer.body!.getReader();
  const { value } = await reader.read();
  assert.equal(new TextDecoder().decode(value), 'data: first\n\n');
  leave.abort();
  await assert.rejects(reader.read());
  const { aborted } = await until(
    async () => (await (await call('/echo/aborted')).json()) as { aborted: number },
    (seen) => seen.aborted > 0,
  );
  assert.equal(aborted, 1);
});

test('a body is streamed in: 8 MB arrive whole', async () => {
  const body = 'x'.repeat(8 * 1024 * 1024);
  const answer = (await (await call('/echo', { method: 'POST', body })).json()) as { body: string };
  assert.equal(answer.body.length, body.length);
});

test('a function that throws or can not be loaded answers 500 with the envelope and its log names why, without secrets', async () => {
  const pid = t.stack.functionsPid();
  for (const name of ['throws', 'broken']) {
    const answer = await call(`/${name}`);
    const body = (await answer.json()) as Record<string, unknown>;
    assert.deepEqual([answer.status, body['code'], body['ok']], [500, 'internal', false]);
  }
  assert.match(logged(), /thrown on purpose/);
  assert.match(logged(), /can not be loaded/);
  assert.doesNotMatch(logged(), /sb_secret_should_not_be_logged/);
  assert.doesNotMatch(logged(), new RegExp(t.stack.keys.secret_key));
  assert.equal(t.stack.functionsPid(), pid);
});

test('a rejection nobody handles does not end the process', async () => {
  const pid = t.stack.functionsPid();
  assert.equal((await call('/rejects')).status, 200);
  assert.equal((await call('/echo')).status, 200);
  assert.equal(t.stack.functionsPid(), pid);
});

test('an unknown function is 404 and names the known ones', async () => {
  const answer = await call('/nothing');
  const body = (await answer.json()) as { message: string; code: string };
  assert.deepEqual([answer.status, body.code], [404, 'not_found']);
  assert.match(body.message, /echo/);
});

test('a function that never answers is 504 and disturbs no other', async () => {
  const [silent, echo] = await Promise.all([call('/hangs/silent'), call('/echo')]);
  assert.equal(echo.status, 200);
  const body = (await silent.json()) as Record<string, unknown>;
  assert.deepEqual(
    [silent.status, body['code'], body['via'], body['retryable']],
    [504, 'timeout', 'embedded', true],
  );
});

test('a function that blocks the process is 504, the process is replaced and serves again', async () => {
  const pid = t.stack.functionsPid();
  const answer = await call('/hangs');
  assert.deepEqual([answer.status, ((await answer.json()) as { code: string }).code], [504, 'timeout']);
  assert.equal((await call('/echo')).status, 200);
  assert.notEqual(t.stack.functionsPid(), pid);
});

test('a function that ends the process is 502, a killed process is replaced, and calls meanwhile wait for it', async () => {
  const ended = await call('/dies');
  assert.deepEqual([ended.status, ((await ended.json()) as { code: string }).code], [502, 'unavailable']);
  // A call that reached the dying process is 502 too; it may be sent again.
  await until(
    () => call('/echo'),
    (seen) => seen.status === 200,
  );
  const pid = t.stack.functionsPid()!;
  process.kill(pid, 'SIGKILL');
  const answer = await until(
    () => call('/echo'),
    (seen) => seen.status !== 502,
  );
  assert.equal(answer.status, 200);
  assert.notEqual(t.stack.functionsPid(), pid);
});

test('a changed function is served with its new code', async () => {
  writeFileSync(
    join(functionsDir, 'throws', 'app.ts'),
    "export const app = { fetch: () => new Response('mended') };\n",
  );
  const answer = await until(
    async () => (await call('/throws')).text(),
    (text) => !text.includes('"ok":false'),
  );
  assert.equal(answer, 'mended');
});
