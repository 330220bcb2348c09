import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { defaultQuestions } from './question.ts';

test('the questions asked of a repository name it as it names itself', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'cogo-question-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  assert.deepEqual(defaultQuestions(dir, 'app'), ['What does app do?', 'What is app?']);
  writeFileSync(join(dir, 'ReadMe.md'), 'intro\n# ![logo](x.png) [The `App`](https://x) <br>\n# Second');
  assert.deepEqual(defaultQuestions(dir, 'app'), ['What is The App?', 'What does app do?']);
  writeFileSync(join(dir, 'package.json'), '{"name":"@me/app"}');
  assert.equal(defaultQuestions(dir, 'app')[0], 'What is The App?');
  writeFileSync(join(dir, 'package.json'), 'broken');
  writeFileSync(join(dir, 'ReadMe.md'), `# ${'long '.repeat(40)}`);
  assert.equal(defaultQuestions(dir, 'app')[0], 'What does app do?');
});
