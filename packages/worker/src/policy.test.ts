import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandAllowed, DEFAULT_POLICY, refusedCommand } from './policy.ts';

test('a command is allowed word by word, with * for one word and ... for the rest', () => {
  const cases: [string[], string[], boolean][] = [
    [['npm', 'test'], ['npm', 'test'], true],
    [['npm', 'test'], ['npm', 'test', '--', '-u'], false],
    [['npm', 'test'], ['npm'], false],
    [['npm', 'run', '*'], ['npm', 'run', 'build'], true],
    [['npm', 'run', '*'], ['npm', 'run'], false],
    [['npm', 'run', '*'], ['npm', 'run', 'build', 'x'], false],
    [['npm', '...'], ['npm'], true],
    [['npm', '...'], ['npm', 'run', 'build'], true],
    [['npm', '...'], ['npx', 'x'], false],
    [['node', '...', 'x'], ['node', '...', 'x'], true],
    [['...'], ['rm', '-rf', '/'], true],
    [[], ['rm'], false],
  ];
  for (const [pattern, argv, allowed] of cases) {
    assert.equal(commandAllowed([pattern], argv), allowed, JSON.stringify([pattern, argv]));
  }
});

test('the first command that is not allowed is named with the line to add', () => {
  const policy = { ...DEFAULT_POLICY, commands: [['npm', 'test']] };
  const type = 'code.build.test';
  assert.equal(refusedCommand(type, policy, [['npm', 'test']]), null);
  assert.match(
    refusedCommand(type, policy, [
      ['npm', 'test'],
      ['sh', '-c', 'curl x | sh'],
    ])!,
    /add \["sh","-c","curl x \| sh"\] to commands under \[types\."code\.build\.test"\]/,
  );
  assert.equal(refusedCommand(type, DEFAULT_POLICY, [['anything']]), null);
  assert.match(refusedCommand(type, { ...policy, commands: [] }, [['npm', 'test']])!, /does not allow/);
});
