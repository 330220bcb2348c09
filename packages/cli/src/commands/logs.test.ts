import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { runCli } from '../testing_io.ts';
import { lastLines } from './logs.ts';

function dataFolder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'cogo-logs-'));
  mkdirSync(join(dir, 'logs'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

test('the last lines of a log are read from its end, across blocks and without a final newline', async (t) => {
  const file = join(dataFolder(t), 'logs', 'a.log');
  const lines = Array.from({ length: 5000 }, (_, at) => `line ${at} ${'한'.repeat(20)}`);
  writeFileSync(file, lines.join('\n'));
  assert.deepEqual((await lastLines(file, 3)).lines, lines.slice(-3));
  assert.deepEqual((await lastLines(file, 2000)).lines, lines.slice(-2000));
  assert.deepEqual((await lastLines(file, 9999)).lines, lines);
  assert.deepEqual((await lastLines(file, 0)).lines, []);
  appendFileSync(file, '\n');
  assert.deepEqual((await lastLines(file, 1)).lines, lines.slice(-1));
});

test('logs of an unknown service name those there are', async (t) => {
  const data = dataFolder(t);
  writeFileSync(join(data, 'logs', 'gateway.log'), 'one\ntwo\n');
  const ran = await runCli(['logs', 'nope', '--data', data]);
  assert.equal(ran.code, 2);
  assert.match(ran.stderr, /there are: gateway/);
  const json = await runCli(['logs', '--data', data, '-n', '1', '--json']);
  assert.deepEqual(JSON.parse(json.stdout), { ok: true, logs: { gateway: ['two'] } });
});

test('--follow prints what is added until Ctrl-C', async (t) => {
  const data = dataFolder(t);
  const file = join(data, 'logs', 'gateway.log');
  writeFileSync(file, 'one\n');
  const stop = new AbortController();
  const stdout = new PassThrough();
  let text = '';
  stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    if (text === 'one\n') appendFileSync(file, 'two\n');
    if (text.includes('two')) stop.abort('interrupted');
  });
  const ran = await runCli(['logs', 'gateway', '--follow', '--data', data], { stdout, signal: stop.signal });
  assert.equal(ran.code, 130);
  assert.equal(text, 'one\ntwo\n');
});

test('reset deletes nothing unless somebody says yes, and then only what is ours', async (t) => {
  const data = dataFolder(t);
  for (const name of ['keys.json', 'notes.txt']) writeFileSync(join(data, name), '{}');
  mkdirSync(join(data, 'pg'));
  const asked = await runCli(['reset', '--data', data]);
  assert.equal(asked.code, 2);
  assert.match(asked.stderr, /run it with --yes/);
  assert.ok(existsSync(join(data, 'pg')));
  const done = await runCli(['reset', '--yes', '--data', data, '--json']);
  assert.equal(done.code, 0);
  assert.deepEqual(JSON.parse(done.stdout).deleted, ['pg', 'logs']);
  assert.deepEqual(
    ['pg', 'logs', 'keys.json', 'notes.txt'].map((name) => existsSync(join(data, name))),
    [false, false, true, true],
  );
});
