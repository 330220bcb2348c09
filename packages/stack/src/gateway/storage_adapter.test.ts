import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startTestStack, type TestStack } from '../testing_place.ts';
import { FileStorageAdapter, ObjectTooLarge, parseRange } from './storage_adapter.ts';

let t: TestStack;
let folder: string;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cogo-storage-'));
  t = await startTestStack();
});
after(async () => {
  rmSync(folder, { recursive: true, force: true });
  await t.close();
});

const call = (path: string, init: RequestInit = {}, key = t.stack.keys.secret_key) =>
  fetch(`${t.stack.urls.gateway}/storage/v1${path}`, { ...init, headers: { apikey: key, ...init.headers } });

test('an object is stored, read whole and in part, and deleted; its name may be of any script', async () => {
  const json = { 'content-type': 'application/json' };
  const made = await call('/bucket', {
    method: 'POST',
    headers: json,
    body: '{"id":"docs","name":"docs","public":false}',
  });
  assert.equal(made.status, 200);
  const name = encodeURIComponent('보고서 🙂.txt');
  const put = await call(`/object/docs/${name}`, {
    method: 'POST',
    headers: { 'content-type': 'text/plain' },
    body: 'hello world',
  });
  assert.equal(put.status, 200, await put.text());
  const got = await call(`/object/docs/${name}`);
  assert.deepEqual(
    [got.status, got.headers.get('content-type'), await got.text()],
    [200, 'text/plain', 'hello world'],
  );
  assert.equal((await call(`/object/docs/${name}`, {}, t.stack.keys.publishable_key)).status, 400);
  const gone = await call('/object/docs', {
    method: 'DELETE',
    headers: json,
    body: JSON.stringify({ prefixes: ['보고서 🙂.txt'] }),
  });
  assert.equal(gone.status, 200);
  assert.equal((await call(`/object/docs/${name}`)).status, 400);
});

test('anon may store only where a policy lets it', async () => {
  const refused = await call(
    '/object/docs/a.txt',
    { method: 'POST', body: 'x' },
    t.stack.keys.publishable_key,
  );
  assert.equal(refused.status, 400);
  assert.match(await refused.text(), /row-level security/);
});

test('an object over the limit is refused and leaves nothing behind, also when it comes as a stream', async () => {
  const adapter = new FileStorageAdapter({ folder, maxBytes: 10 });
  const body = new Blob(['x'.repeat(11)]).stream();
  await assert.rejects(
    adapter.uploadObject('b', 'k', undefined, body as ReadableStream, 'text/plain', ''),
    ObjectTooLarge,
  );
  assert.equal((await adapter.getObject('b', 'k', undefined)).httpStatusCode, 404);
  assert.deepEqual(readdirSync(join(folder, 'unfinished')), []);
});

test('an object that could not be written whole does not replace the one before', async () => {
  const adapter = new FileStorageAdapter({ folder, maxBytes: 10 });
  await adapter.uploadObject('b', 'kept', undefined, Buffer.from('first'), 'text/plain', '');
  const broken = new ReadableStream({
    start(controller) {
      controller.enqueue(new Uint8Array(3));
      controller.error(new Error('connection lost'));
    },
  });
  await assert.rejects(adapter.uploadObject('b', 'kept', undefined, broken, 'text/plain', ''));
  const { body } = await adapter.getObject('b', 'kept', undefined);
  assert.equal(await new Response(body as ReadableStream).text(), 'first');
});

test('ranges are read as RFC 9110 says', () => {
  const table: [string | undefined, unknown][] = [
    ['bytes=0-4', { start: 0, end: 4 }],
    ['bytes=5-', { start: 5, end: 9 }],
    ['bytes=-3', { start: 7, end: 9 }],
    ['bytes=0-100', { start: 0, end: 9 }],
    ['bytes=20-30', undefined],
    ['bytes=-', undefined],
    ['lines=1-2', undefined],
    [undefined, undefined],
  ];
  for (const [header, range] of table) assert.deepEqual(parseRange(header, 10), range, header);
});
