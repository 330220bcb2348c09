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
      fstatSync(200);
      const closed = closeInheritedFiles();
      let after = 'open';
      try { fstatSync(200); } catch (error) { after = error.code; }
      console.log(closed >= 1, after, String(execFileSync('echo', ['alive'])).trim());`;
  // Node marks the first descriptors itself when it starts; one beyond a gap is what slips through.
  const shell = 'exec 200</dev/null; exec "$0" --import tsx --input-type=module -e "$1"';
  const got = spawnSync('bash', ['-c', shell, process.execPath, script], { encoding: 'utf8' });
  assert.equal(got.stdout, 'true EBADF alive\n', got.stderr);
});
