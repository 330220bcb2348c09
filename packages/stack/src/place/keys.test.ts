import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { loadKeys } from './keys.ts';
import { redactor } from './redact.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cogo-keys-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const mode = () => (statSync(join(dir, 'keys.json')).mode & 0o777).toString(8);

test('keys are made once, readable by their owner only, and stay', async () => {
  const first = await loadKeys(dir);
  assert.ok(first.ok);
  assert.match(first.value.publishable_key, /^sb_publishable_/);
  assert.match(first.value.secret_key, /^sb_secret_/);
  assert.equal(Buffer.from(first.value.kek, 'base64').length, 32);
  assert.equal(mode(), '600');
  chmodSync(join(dir, 'keys.json'), 0o644);
  assert.deepEqual(await loadKeys(dir), first);
  assert.equal(mode(), '600');
});

test('damaged keys are an error that says what to do, and are not replaced', async () => {
  for (const text of ['{', '{"secret_key":"sb_secret_x"}']) {
    writeFileSync(join(dir, 'keys.json'), text);
    const keys = await loadKeys(dir);
    assert.ok(!keys.ok);
    assert.match(keys.error.message, /Restore the file/);
    assert.doesNotMatch(keys.error.message, /sb_secret_x/);
  }
});

test('known secrets and whatever looks like one are removed from log lines', () => {
  const clean = redactor(['hunter2-hunter2', 'short']);
  const table: [string, string][] = [
    ['password hunter2-hunter2!', 'password [redacted]!'],
    ['key sb_secret_abc-DEF_1 used', 'key [redacted] used'],
    ['cogo_pt_0123456789abcdefghijABCDEFGHIJ01', '[redacted]'],
    ['Authorization: Bearer abc.def', 'Authorization: [redacted]'],
    ['jwt eyJhbGciOi.eyJzdWIi.c2ln', 'jwt [redacted]'],
    ['postgres://me:pass@host/db', '[redacted]host/db'],
    ['nothing short here', 'nothing short here'],
  ];
  for (const [line, expected] of table) assert.equal(clean(line), expected);
});
