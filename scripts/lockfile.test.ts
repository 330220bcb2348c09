import assert from 'node:assert/strict';
import { test } from 'node:test';
import { completeLock, platformOf } from './lockfile.ts';

test('a platform package tells its system, processor and C library by its name', () => {
  assert.deepEqual(platformOf('@biomejs/cli-linux-arm64-musl'), {
    libc: ['musl'],
    cpu: ['arm64'],
    os: ['linux'],
  });
  assert.deepEqual(platformOf('@supabase/cli-windows-x64'), { cpu: ['x64'], os: ['win32'] });
  assert.equal(platformOf('fsevents'), undefined);
});

test('a lock that lacks a platform gets it beside the sibling that is there, at the version its parent names', () => {
  const lock = {
    packages: {
      'node_modules/deno': {
        version: '2.1.4',
        optionalDependencies: { '@deno/darwin-x64': '2.1.4', '@deno/linux-x64-glibc': '2.1.4' },
      },
      'node_modules/deno/node_modules/@deno/linux-x64-glibc': { version: '2.1.4', optional: true },
      'node_modules/@deno/linux-x64-glibc': { version: '2.9.6', optional: true },
    },
  };
  assert.deepEqual(completeLock(lock), ['node_modules/deno/node_modules/@deno/darwin-x64']);
  assert.deepEqual(completeLock(lock), []);
});
