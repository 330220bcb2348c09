import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unwrapUploadForm } from './storage_form.ts';

const URL_ = 'http://x/storage/v1/object/files/a.txt';

function form(fields: Record<string, string | Blob>): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.append(name, value as string);
  return data;
}

test('a form of supabase-js becomes a raw upload with its type, cache time and metadata', async () => {
  const body = form({
    cacheControl: '60',
    metadata: '{"a":"방"}',
    '': new Blob(['héllo'], { type: 'text/plain' }),
  });
  const headers = { authorization: 'Bearer t', 'x-upsert': 'true' };
  const raw = await unwrapUploadForm(new Request(URL_, { method: 'POST', body, headers }));
  assert.equal(await raw.text(), 'héllo');
  assert.equal(raw.headers.get('content-type'), 'text/plain');
  assert.equal(raw.headers.get('content-length'), '6');
  assert.equal(raw.headers.get('cache-control'), 'max-age=60');
  assert.equal(Buffer.from(raw.headers.get('x-metadata') ?? '', 'base64').toString(), '{"a":"방"}');
  assert.deepEqual(
    [raw.method, raw.headers.get('authorization'), raw.headers.get('x-upsert')],
    ['POST', 'Bearer t', 'true'],
  );
});

test('a file without a type is bytes', async () => {
  const raw = await unwrapUploadForm(
    new Request(URL_, { method: 'PUT', body: form({ '': new Blob(['x']) }) }),
  );
  assert.equal(raw.headers.get('content-type'), 'application/octet-stream');
});

test('a form without a file and one that is broken are passed on as they are', async () => {
  const empty = await unwrapUploadForm(new Request(URL_, { method: 'POST', body: form({ a: 'b' }) }));
  assert.equal((await empty.formData()).get('a'), 'b');
  const headers = { 'content-type': 'multipart/form-data; boundary=x' };
  const broken = await unwrapUploadForm(new Request(URL_, { method: 'POST', body: 'nonsense', headers }));
  assert.equal(await broken.text(), 'nonsense');
});

test('everything else is left alone', async () => {
  for (const request of [
    new Request(URL_),
    new Request(URL_, { method: 'POST', body: 'x' }),
    new Request('http://x/rest/v1/t', { method: 'POST', body: form({ a: 'b' }) }),
  ]) {
    assert.equal(await unwrapUploadForm(request), request);
  }
});
