import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findDataDir, readKeys, readStackFile } from './stack_file.ts';

test('the nearest data folder upwards is found, and what is not there or broken is said', () => {
  const root = mkdtempSync(join(tmpdir(), 'cogo-find-'));
  try {
    const deep = join(root, 'a', 'b');
    mkdirSync(deep, { recursive: true });
    assert.equal(findDataDir(deep), join(deep, '.cogo'));
    mkdirSync(join(root, '.cogo'));
    assert.equal(findDataDir(deep), join(root, '.cogo'));
    const none = readStackFile(join(root, '.cogo'));
    assert.ok(!none.ok && none.error.code === 'not_found' && /cogo up/.test(none.error.message));
    writeFileSync(join(root, '.cogo', 'keys.json'), '{');
    const broken = readKeys(join(root, '.cogo'));
    assert.ok(!broken.ok && broken.error.code === 'internal');
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
