import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atLeast, checkAccelerators, checkDisk, checkModes, checkNode, checkPorts } from './check.ts';

test('versions are compared by number, not by letter', () => {
  const cases: [string, string, boolean][] = [
    ['20.19.0', '20.19.0', true],
    ['v20.20.2', '20.19.0', true],
    ['20.9.0', '20.19.0', false],
    ['100.0.0', '20.19.0', true],
    ['18.20.0', '20.19.0', false],
  ];
  for (const [version, min, expected] of cases) assert.equal(atLeast(version, min), expected, version);
});

test('each check that is not ok says what to do', () => {
  const GIB = 1024 ** 3;
  const checks = [
    [checkNode('18.0.0'), 'fail'],
    [checkNode('22.1.0'), 'ok'],
    [checkDisk(0.1 * GIB), 'fail'],
    [checkDisk(1 * GIB), 'warn'],
    [checkDisk(9 * GIB), 'ok'],
    [checkModes([{ path: '/d/keys.json', mode: 0o100600 }]), 'ok'],
    [checkModes([{ path: '/d/keys.json', mode: 0o100644 }]), 'fail'],
    [checkPorts([]), 'ok'],
    [checkPorts([{ name: 'gateway', port: 54321 }]), 'warn'],
  ] as const;
  for (const [check, state] of checks) {
    assert.equal(check.state, state, check.found);
    assert.equal(check.todo !== undefined, state !== 'ok', check.found);
  }
});

test('extensions for text search are told of and asked of nobody', () => {
  const check = checkAccelerators({ pgroonga: 'absent', pg_textsearch: 'available' });
  assert.deepEqual([check.state, check.todo], ['ok', undefined]);
  assert.match(check.found, /^pg_textsearch available, pgroonga absent /);
});
