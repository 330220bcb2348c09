import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OutputCapture } from './output.ts';

test('short output is kept whole', () => {
  const out = new OutputCapture({ headBytes: 4, tailBytes: 8 });
  out.push(Buffer.from('hello'));
  out.push(Buffer.from(' wörld'));
  assert.deepEqual(out.read(), { text: 'hello wörld', bytes: 12, dropped: 0, invalidUtf8: false });
});

test('of long output the head and the tail are kept and the gap is named', () => {
  const out = new OutputCapture({ headBytes: 3, tailBytes: 4 });
  for (const c of 'abcdefghijklmnop') out.push(Buffer.from(c));
  assert.deepEqual(out.read(), {
    text: 'abc\n[… 9 bytes left out …]\nmnop',
    bytes: 16,
    dropped: 9,
    invalidUtf8: false,
  });
});

test('whatever the sizes of the pieces, the tail is the end of the stream', () => {
  const data = Buffer.from(Array.from({ length: 5000 }, (_, i) => 97 + (i % 26)));
  for (const piece of [1, 7, 100, 4096, 5000]) {
    const out = new OutputCapture({ headBytes: 0, tailBytes: 1000 });
    for (let i = 0; i < data.length; i += piece) out.push(data.subarray(i, i + piece));
    assert.equal(out.read().text, data.subarray(4000).toString(), `pieces of ${piece}`);
    assert.equal(out.read(10).text, data.subarray(4990).toString(), `pieces of ${piece}, ten bytes`);
  }
});

test('a character cut by the cap is left out instead of becoming a replacement character', () => {
  const out = new OutputCapture({ headBytes: 0, tailBytes: 7 });
  out.push(Buffer.from('가나다라'));
  assert.deepEqual(out.read(), { text: '다라', bytes: 12, dropped: 6, invalidUtf8: false });
});

test('a character split between two chunks is valid', () => {
  const out = new OutputCapture({ headBytes: 0, tailBytes: 100 });
  const bytes = Buffer.from('한🙂');
  for (const byte of bytes) out.push(Buffer.from([byte]));
  assert.deepEqual(out.read(), { text: '한🙂', bytes: 7, dropped: 0, invalidUtf8: false });
});

test('bytes that are no UTF-8 are replaced and flagged', () => {
  const out = new OutputCapture({ headBytes: 0, tailBytes: 100 });
  out.push(Buffer.from([0x61, 0xff, 0xfe, 0x62]));
  assert.deepEqual(out.read(), { text: 'a\ufffd\ufffdb', bytes: 4, dropped: 0, invalidUtf8: true });
});

test('an unfinished character at the very end is flagged', () => {
  const out = new OutputCapture({ headBytes: 0, tailBytes: 100 });
  out.push(Buffer.from([0x61, 0xe2, 0x82]));
  assert.equal(out.read().invalidUtf8, true);
});

test('invalid bytes are flagged even when they were not kept', () => {
  const out = new OutputCapture({ headBytes: 1, tailBytes: 2 });
  out.push(Buffer.from([0x61, 0xff, 0x62, 0x63, 0x64, 0x65]));
  const { text, invalidUtf8 } = out.read();
  assert.equal(text, 'a\n[… 3 bytes left out …]\nde');
  assert.equal(invalidUtf8, true);
});
