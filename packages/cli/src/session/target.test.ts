// The commands against a server that is only known by its URL: the embedded gateway, as a hosted project is one.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readKeys } from '@cogo/client/stack_file.ts';
import { tempRepo } from '@cogo/knowledge/testing.ts';
import { startTestStack, type TestStack } from '@cogo/stack/testing_place.ts';
import { runCli } from '../testing_io.ts';

let place: TestStack;
let url: string;
let key: string;
let token: string;
/** A folder with no stack in it. */
const cwd = mkdtempSync(join(tmpdir(), 'cogo-target-'));

before(async () => {
  place = await startTestStack();
  url = place.stack.urls.gateway;
  const keys = readKeys(place.dataDir);
  assert.ok(keys.ok);
  key = keys.value.publishable_key;
  const made = await place.stack.rpc.call<{ id: string }>('create_project', { name: 'Far', slug: 'far' });
  assert.ok(made.ok);
  const issued = await place.stack.rpc.call<{ token: string }>('create_token', {
    project_id: made.value.id,
    kind: 'project',
    name: 't',
  });
  assert.ok(issued.ok);
  token = issued.value.token;
});
after(async () => {
  rmSync(cwd, { recursive: true });
  await place.close();
});

const cogo = (argv: string[], env: Record<string, string>) => runCli([...argv, '--json'], { cwd, env });
const failure = (ran: { code: number; stdout: string }) => {
  const { code, message } = JSON.parse(ran.stdout) as { code: string; message: string };
  return { exit: ran.code, code, message };
};

test('a repository is indexed into and searched in the project of a token, by URL and key alone', async () => {
  const repo = tempRepo({ 'docs/guide.md': '# Refunds\n\nA refund is paid within three days.\n' });
  const env = { COGO_APIKEY: key, COGO_TOKEN: token };
  const indexed = await cogo(['index', repo.root, '--url', url], env);
  repo.remove();
  assert.equal(indexed.code, 0, indexed.stderr);
  const found = await cogo(['search', 'refund', 'paid'], { ...env, COGO_URL: `${url}/` });
  assert.equal(found.code, 0, found.stderr);
  const { items } = JSON.parse(found.stdout) as { items: { path: string }[] };
  assert.equal(items[0]?.path, 'docs/guide.md');
});

test('a token that is none, a key that is none and a project of others are told apart', async () => {
  const wrong = `cogo_pt_${'0123456789abcdefghijABCDEFGHIJ01'}`;
  const bad = failure(await cogo(['search', 'x', '--url', url], { COGO_APIKEY: key, COGO_TOKEN: wrong }));
  assert.deepEqual([bad.exit, bad.code], [2, 'unauthorized']);
  const nobody = failure(await cogo(['search', 'x', '--url', url, '--project', 'far'], { COGO_APIKEY: key }));
  assert.deepEqual([nobody.exit, nobody.code], [2, 'not_found']);
  const keyless = failure(await cogo(['search', 'x', '--url', url], { COGO_TOKEN: token }));
  assert.deepEqual([keyless.exit, keyless.code], [2, 'bad_request']);
  assert.match(keyless.message, /There is no key for/);
});

test('a key does not travel in the clear, nor does an address carry one', async () => {
  for (const address of [
    'http://example.com',
    `https://user:${'hidden'}@example.com`,
    'https://example.com/?apikey=hidden',
    'example.com',
    'ftp://127.0.0.1',
  ]) {
    const refused = failure(await cogo(['ask', 'x', '--url', address], { COGO_APIKEY: key }));
    assert.deepEqual([refused.exit, refused.code], [2, 'bad_request'], address);
    assert.doesNotMatch(JSON.stringify(refused), /hidden/);
  }
});

test('an empty question is refused before anything is asked', async () => {
  const refused = failure(await cogo(['ask', '  '], {}));
  assert.deepEqual(
    [refused.exit, refused.code, refused.message],
    [2, 'bad_request', 'The question is empty.'],
  );
});
