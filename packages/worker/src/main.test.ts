import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Io } from './cli/io.ts';
import { main } from './main.ts';
import { temporaryFolder } from './sandbox/testing.ts';

function io(t: TestContext): Io & { said: { out: string; err: string } } {
  const said = { out: '', err: '' };
  const dir = temporaryFolder(t);
  return {
    said,
    out: (text) => {
      said.out += text;
    },
    err: (text) => {
      said.err += text;
    },
    env: { HOME: dir },
    cwd: dir,
    line: async () => '',
    onEnd: () => () => {},
  };
}

test('every command has a help text, with exit code 0', async (t) => {
  for (const argv of [
    ['--help'],
    ['run', '--help'],
    ['status', '--help'],
    ['doctor', '--help'],
    ['enroll', '--help'],
    ['rotate', '--help'],
    ['revoke', '--help'],
    ['approve', '--help'],
    ['deny', '--help'],
  ]) {
    const given = io(t);
    assert.equal(await main(argv, given), 0, argv.join(' '));
    assert.match(given.said.out, /Usage: cogo-work/);
  }
});

test('wrong use is exit code 2, with one JSON document when asked for', async (t) => {
  for (const argv of [
    ['fly'],
    ['run', '--fast'],
    ['run', '--sandbox', 'maybe'],
    ['run', '--slots', '0', '--url', 'http://x', '--apikey', 'k', '--token', 'cogo_wt_a'],
    ['enroll'],
    ['rotate'],
    ['approve'],
    ['deny', 'no-such-job', '--reason', 'x'],
    ['run', '--config', 'absent.toml'],
  ]) {
    const given = io(t);
    assert.equal(await main([...argv, '--json'], given), 2, argv.join(' '));
    const told = JSON.parse(given.said.out);
    assert.equal(told.ok, false);
    assert.equal(told.code, told.error);
    assert.notEqual(given.said.err, '');
  }
});

test('run without a gateway says what to do and exits 2', async (t) => {
  const given = io(t);
  assert.equal(await main(['run'], given), 2);
  assert.match(given.said.err, /cogo up.*enroll.*--url/);
});

test('doctor names each check, and exits 1 when one fails', async (t) => {
  const given = io(t);
  assert.equal(await main(['doctor', '--json'], given), 1);
  const { ok, checks } = JSON.parse(given.said.out);
  assert.equal(ok, false);
  const names = checks.map((check: { name: string }) => check.name);
  for (const name of ['node', 'git', 'user', 'sandbox', 'limits', 'configuration'])
    assert.ok(names.includes(name), name);
});

test('no message repeats a token that was given', async (t) => {
  const given = io(t);
  const argv = [
    'run',
    '--url',
    'http://127.0.0.1:9',
    '--apikey',
    'sb_publishable_k',
    '--token',
    'cogo_pt_s3cret',
  ];
  assert.equal(await main(argv, given), 2);
  assert.doesNotMatch(given.said.out + given.said.err, /s3cret/);
});

test('what is wrong with the arguments is said in one sentence', async (t) => {
  for (const [argv, message] of [
    [[], /^No command was given\. See: cogo-work --help/m],
    [['status', 'extra'], /Expected 0 arguments but got 1\. See: cogo-work --help/],
    [['approve'], /^missing required argument 'job'\. See/m],
  ] as const) {
    const given = io(t);
    assert.equal(await main([...argv], given), 2, argv.join(' '));
    assert.match(given.said.err, message);
  }
});
