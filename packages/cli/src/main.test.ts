import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Command } from 'commander';
import { COMMANDS } from './commands/list.ts';
import { processIo } from './io.ts';
import { runCli } from './testing_io.ts';

function emptyFolder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'cogo-cli-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** The names of all commands that do something, `jobs list` and the like included. */
function commandNames(): string[] {
  const root = new Command('cogo');
  const io = processIo();
  for (const register of COMMANDS) register({ io, finish() {} }, root);
  return root.commands.flatMap((command) =>
    command.commands.length > 0
      ? command.commands.map((sub) => `${command.name()} ${sub.name()}`)
      : [command.name()],
  );
}

test('every command has help that names --json, on stdout, with exit code 0', async () => {
  const names = commandNames();
  assert.ok(names.includes('start') && names.includes('jobs tail'));
  for (const name of names) {
    const ran = await runCli([...name.split(' '), '--help']);
    assert.equal(ran.code, 0, name);
    assert.match(ran.stdout, /--json/, name);
    assert.equal(ran.stderr, '', name);
  }
});

test('every command that needs a running stack says so, with exit code 2 and one JSON document', async (t) => {
  const data = join(emptyFolder(t), '.cogo');
  const calls = [
    ['search', 'x'],
    ['ask', 'x'],
    ['index', '.'],
    ['trace', 'import', 'x.cpuprofile'],
    ['psql'],
    ['jobs', 'list'],
    ['jobs', 'show', 'x'],
    ['jobs', 'tail', 'x'],
    ['jobs', 'enqueue', 'code.build.test'],
    ['jobs', 'cancel', 'x'],
    ['jobs', 'redrive', 'x'],
    ['jobs', 'redrive', '--all'],
    ['jobs', 'dead'],
    ['jobs', 'stats'],
    ['token', 'list'],
    ['token', 'create', 'x'],
    ['token', 'revoke', 'x'],
    ['projects', 'list'],
    ['projects', 'create', 'x'],
    ['keys', 'token'],
  ];
  for (const call of calls) {
    const ran = await runCli([...call, '--data', data, '--json']);
    assert.equal(ran.code, 2, call.join(' '));
    const document = JSON.parse(ran.stdout) as { ok: boolean; code: string; todo: string };
    assert.equal(document.ok, false);
    assert.equal(document.code, 'not_running', call.join(' '));
    assert.match(document.todo, /cogo up/);
    assert.match(ran.stderr, /No stack is running/);
  }
});

test('wrong use says what, what to do and the code, and exits 2', async () => {
  const cases: [string[], RegExp][] = [
    [['nonsense'], /unknown command 'nonsense'/i],
    [['serch', 'x'], /do: {3}Did you mean search\?/],
    [['status', '--nope'], /unknown option '--nope'/i],
    [['up', '--port', 'abc'], /whole number from 0 to 65535/],
    [['up', '--port', '70000'], /whole number from 0 to 65535/],
    [['search'], /missing required argument 'question'/i],
    [['search', 'x', '--limit', '0'], /whole number from 1 to 50/],
    [['search', 'x', '--strategy', 'magic'], /auto, lexical, vector, hybrid/],
    [['token', 'create', 'x', '--kind', 'root'], /project, worker/],
    [['jobs', 'enqueue', 'x', '--payload', '{'], /payload cannot be used/],
    [['jobs', 'enqueue', 'x', '--payload', '[1]'], /not an object/],
    [['jobs', 'enqueue', 'x', '--priority', '3'], /whole number from 0 to 2/],
    [['jobs', 'list', '--state', 'gone'], /scheduled, blocked, queued/],
    [['jobs', 'dead', '--reason', 'bored'], /parse_error, validation_failed/],
    [['jobs', 'redrive'], /not clear which jobs/],
    [['jobs', 'redrive', 'x', '--all'], /not clear which jobs/],
  ];
  for (const [argv, said] of cases) {
    const ran = await runCli(argv);
    assert.equal(ran.code, 2, argv.join(' '));
    assert.match(ran.stderr, said, argv.join(' '));
    assert.match(ran.stderr, /code: (bad_request|invalid_json)/, argv.join(' '));
    assert.equal(ran.stdout, '', argv.join(' '));
  }
});

test('wrong use under --json is one JSON document on stdout', async () => {
  const ran = await runCli(['status', '--nope', '--json']);
  assert.equal(ran.code, 2);
  assert.deepEqual(JSON.parse(ran.stdout).code, 'bad_request');
});

test('called without a command it prints its help to stderr and exits 2', async () => {
  const ran = await runCli([]);
  assert.equal(ran.code, 2);
  assert.match(ran.stderr, /Usage: cogo/);
  assert.equal(ran.stdout, '');
});

test('a repository that is not there is refused before anything is started', async (t) => {
  const dir = emptyFolder(t);
  writeFileSync(join(dir, 'file'), '');
  const out = join(dir, 'out.json');
  for (const repo of [join(dir, 'missing'), join(dir, 'file')]) {
    const ran = await runCli([
      'start',
      '--repo',
      repo,
      '--data',
      join(dir, '.cogo'),
      '--once',
      '--json',
      out,
    ]);
    assert.equal(ran.code, 2);
    assert.match(ran.stderr, /is not a folder that can be read/);
    assert.equal(ran.stdout, '');
  }
});

test('status and down without a stack say so', async (t) => {
  const data = join(emptyFolder(t), '.cogo');
  const status = await runCli(['status', '--data', data, '--json']);
  assert.equal(status.code, 2);
  assert.equal(JSON.parse(status.stdout).state, 'stopped');
  const down = await runCli(['down', '--data', data, '--json']);
  assert.equal(down.code, 0);
  assert.deepEqual(JSON.parse(down.stdout), { ok: true, stopped: false });
});

test('an interrupted command exits 130', async (t) => {
  const data = join(emptyFolder(t), '.cogo');
  const ran = await runCli(['search', 'x', '--data', data], { signal: AbortSignal.abort('interrupted') });
  assert.equal(ran.code, 130);
  assert.match(ran.stderr, /Interrupted/);
});
