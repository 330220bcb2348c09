import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLoopbackHost } from './host_check.ts';

test('only the names of this machine pass as Host', () => {
  for (const host of ['127.0.0.1', '127.0.0.1:3100', 'localhost:3100', 'LOCALHOST', '[::1]:3100', '[::1]']) {
    assert.equal(isLoopbackHost(host), true, host);
  }
  for (const host of [
    undefined,
    '',
    'evil.example',
    'evil.example:3100',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    'evil@127.0.0.1',
    '127.0.0.1:3100:1',
    '127.0.0.1/',
    '[::1].evil',
    'localhost:',
    '10.0.0.1:3100',
  ]) {
    assert.equal(isLoopbackHost(host), false, String(host));
  }
});
