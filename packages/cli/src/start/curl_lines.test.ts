import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { curlLines, quote } from './curl_lines.ts';

const request = {
  functions: 'http://127.0.0.1:54321/functions/v1',
  projectId: '0b5e8c1a-0000-4000-8000-000000000001',
  question: `What's "it" for; $(rm -rf x) 한글?`,
  repo: "o'hara app",
  cogo: 'cogo_stub',
  dataArgument: ` --data '/a b/.cogo'`,
  project: 'local',
};

/** What a shell makes of the line: the arguments curl would get, with `cogo` printing its own arguments. */
function shellWords(line: string): string[] {
  const script = `cogo_stub() { printf '<%s>' "$*"; }; curl() { for one in "$@"; do printf '%s\\n' "$one"; done; }\n${line}`;
  const ran = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
  assert.equal(ran.status, 0, ran.stderr);
  return ran.stdout.trimEnd().split('\n');
}

test('the pasted lines carry the question unharmed and ask cogo for the keys', () => {
  const { json, sse } = curlLines(request);
  const words = shellWords(json);
  assert.deepEqual(words.slice(0, 2), ['-sS', 'http://127.0.0.1:54321/functions/v1/chat']);
  assert.ok(words.includes('apikey: <keys publishable --data /a b/.cogo>'));
  assert.ok(words.includes('x-cogo-token: <keys token --project local --data /a b/.cogo>'));
  const body = JSON.parse(words.at(-1)!) as Record<string, unknown>;
  assert.equal(body['text'], request.question);
  assert.deepEqual(body['retrieval'], { filter: { repo: request.repo } });
  assert.equal(body['stream'], undefined);

  const streamed = shellWords(sse);
  assert.equal(streamed[0], '-sSN');
  assert.ok(streamed.includes('accept: text/event-stream'));
  assert.equal((JSON.parse(streamed.at(-1)!) as Record<string, unknown>)['stream'], true);
});

test('words are quoted only where a shell would change them', () => {
  assert.equal(quote('/home/me/app-1.2'), '/home/me/app-1.2');
  assert.equal(quote(''), `''`);
  assert.equal(quote(`a'b`), `'a'\\''b'`);
});
