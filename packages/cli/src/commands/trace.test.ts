import assert from 'node:assert/strict';
import { readFileSync, watch } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { tempRepo } from '@cogo/knowledge/testing.ts';
import { runCli } from '../testing_io.ts';

test('trace record writes calls that trace import reads, and says how the command ended', async (t) => {
  const repo = tempRepo({
    'package.json': '{}',
    'a.js':
      'function f() {}\nfunction main() { f(); f(); }\nmain();\nprocess.exitCode = Number(process.argv[2]);\n',
  });
  t.after(repo.remove);
  const io = { cwd: repo.root, env: { PATH: process.env['PATH'] } };
  const failed = await runCli(['trace', 'record', '--json', '--', process.execPath, 'a.js', '3'], io);
  assert.equal(failed.code, 1);
  const told = JSON.parse(failed.stdout);
  assert.deepEqual([told.ok, told.calls, told.times, told.threads, told.exit], [false, 3, 3, 1, 3]);
  assert.match(failed.stderr, /3 calls, 3 times, .* cogo-trace\.jsonl; the command ended with 3/);
  const read = await runCli(['trace', 'import', 'cogo-trace.jsonl', '--dry-run', '--json'], io);
  assert.equal(read.code, 0, read.stderr);
  assert.deepEqual(
    JSON.parse(read.stdout).calls.map(({ from, to, count }: Record<string, string>) => [from, to, count]),
    [
      ['a.js#main', 'a.js#f', 2],
      ['a.js', 'a.js#main', 1],
    ],
  );
  const kept = readFileSync(join(repo.root, 'cogo-trace.jsonl'), 'utf8');
  const none = await runCli(['trace', 'record', '--', process.execPath, '-e', '1'], io);
  assert.equal(none.code, 2);
  assert.match(none.stderr, /No call of the repository was seen[\s\S]*why:[\s\S]*do:[\s\S]*code: no_data/);
  assert.equal(
    readFileSync(join(repo.root, 'cogo-trace.jsonl'), 'utf8'),
    kept,
    'an empty run replaces nothing',
  );
});

test('a server that is ended with Ctrl-C has its calls written', async (t) => {
  const repo = tempRepo({
    'package.json': '{}',
    'server.js':
      "function f() {}\nf();\nsetInterval(() => {}, 60_000);\nrequire('fs').writeFileSync('up', '');\n",
  });
  t.after(repo.remove);
  const stop = new AbortController();
  const watcher = watch(repo.root, (_event, name) => {
    if (name === 'up') stop.abort('interrupted');
  });
  t.after(() => watcher.close());
  const ran = await runCli(['trace', 'record', '--json', '--', process.execPath, 'server.js'], {
    cwd: repo.root,
    env: { PATH: process.env['PATH'] },
    signal: stop.signal,
  });
  assert.equal(ran.code, 1, ran.stderr);
  assert.deepEqual([JSON.parse(ran.stdout).calls, JSON.parse(ran.stdout).exit], [1, 130]);
});

test('trace names what it cannot start or read, and exits 2', async (t) => {
  const repo = tempRepo({ 'package.json': '{}', 'a.js': 'f();\n' });
  t.after(repo.remove);
  for (const [argv, message] of [
    [['record', '--', 'no-such-program'], /no-such-program cannot be started \(ENOENT\)/],
    [['record', '--root', 'nowhere', '--', 'node'], /nowhere is not a folder/],
    [['record'], /Missing required argument 'command'/],
    [
      ['import', 'nowhere.jsonl', '--dry-run'],
      /nowhere\.jsonl was not imported[\s\S]*ENOENT[\s\S]*trace record/,
    ],
    [['import', 'a.js', '--dry-run'], /a\.js is not a trace/],
  ] as const) {
    const ran = await runCli(['trace', ...argv], { cwd: repo.root, env: { PATH: process.env['PATH'] } });
    assert.equal(ran.code, 2, `${argv.join(' ')}: ${ran.stderr}`);
    assert.match(ran.stderr, message);
    assert.match(ran.stderr, /do: /);
  }
});
