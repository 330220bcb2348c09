import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import type { Io } from './io.ts';
import { createProgress, duration } from './progress.ts';

function streams(tty: boolean, env: NodeJS.ProcessEnv = {}) {
  const stderr = Object.assign(new PassThrough(), { isTTY: tty, columns: 40 });
  let text = '';
  stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const io: Io = {
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr,
    env,
    cwd: '/',
    signal: new AbortController().signal,
  };
  return { io, text: () => text };
}

test('on a pipe a step is one line at its end, and says where it is every five seconds', () => {
  let now = 0;
  const { io, text } = streams(false);
  const step = createProgress(io, () => now).step('index');
  step.update('1/3');
  now = 5001;
  step.update('2/3');
  now = 5002;
  step.update('3/3');
  assert.equal(step.done('3 files'), 5002);
  assert.equal(text(), '… index: 2/3\n✓ index (5.0 s): 3 files\n');
});

test('on a terminal a step redraws its line, within the width, and leaves one line', () => {
  const { io, text } = streams(true);
  const step = createProgress(io, () => 0).step('index');
  step.update('x'.repeat(100));
  step.done('ok');
  const drawn = text().split('\r\x1b[K');
  for (const line of drawn.slice(0, -1)) assert.ok([...line].length <= 39, line);
  assert.equal(drawn.at(-1), '\x1b[32m✓\x1b[0m index (0 ms): ok\n');
});

test('a terminal in CI gets plain lines', () => {
  const { io, text } = streams(true, { CI: 'true' });
  createProgress(io, () => 0)
    .step('x')
    .fail('no luck');
  assert.equal(text(), '✗ x: no luck\n');
});

test('durations are in ms below a second', () => {
  assert.deepEqual([0, 999.4, 1000, 12_345].map(duration), ['0 ms', '999 ms', '1.0 s', '12.3 s']);
});
