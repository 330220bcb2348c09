import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

test('a file that the parent left open is closed, and what Node itself uses still works', {
  skip: process.platform !== 'linux' && 'needs /proc',
}, () => {
  const script = `
      import { closeInheritedFiles } from ${JSON.stringify(new URL('./inherited_files.ts', import.meta.url).href)};
      import { fstatSync } from 'node:fs';
      import { execFileSync } from 'node:child_process';
      fstatSync(5);
      const closed = closeInheritedFiles();
      let after = 'open';
      try { fstatSync(5); } catch (error) { after = error.code; }
      console.log(closed >= 1, after, String(execFileSync('echo', ['alive'])).trim());`;
  const got = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe', 'ignore', 'ignore', 'pipe'],
  });
  assert.equal(got.stdout, 'true EBADF alive\n', got.stderr);
});
