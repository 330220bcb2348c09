import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeFrame, FrameParser, framesAfter, parseFrames, PING, readFrames } from './sse.ts';

const frames = [
  { id: '1', event: 'meta', data: { trace_id: 't', text: 'line\nbreak\r\n and "quotes" 한글 🚀 \u2028' } },
  { id: '2', event: 'llm.delta', data: { index: 0, token: ': ping' } },
  { id: '3', event: 'done', data: {} },
];
const text = frames.map(encodeFrame).join('');

test('a frame is id, event, one data line and a blank line, LF only', () => {
  assert.equal(
    encodeFrame({ id: '7', event: 'x.y', data: { a: 'b\nc' } }),
    'id: 7\nevent: x.y\ndata: {"a":"b\\nc"}\n\n',
  );
  assert.equal(encodeFrame({ event: 'x', data: 1 }), 'event: x\ndata: 1\n\n');
  assert.ok(!text.includes('\r'));
});

test('what is encoded reads back the same', () => {
  assert.deepEqual(parseFrames(text), frames);
});

test('a stream cut anywhere, with pings between, gives the same frames', () => {
  const pinged = frames.map((frame) => PING + encodeFrame(frame)).join('');
  for (let cut = 0; cut <= pinged.length; cut++) {
    const parser = new FrameParser();
    const read = [...parser.push(pinged.slice(0, cut)), ...parser.push(pinged.slice(cut))];
    assert.deepEqual(
      read.map((frame) => JSON.parse(frame.data)),
      frames.map((frame) => frame.data),
    );
  }
});

test('bytes cut inside a character give the same frames', async () => {
  const bytes = new TextEncoder().encode(text);
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const byte of bytes) controller.enqueue(new Uint8Array([byte]));
      controller.close();
    },
  });
  const read: unknown[] = [];
  for await (const frame of readFrames(body)) read.push(JSON.parse(frame.data));
  assert.deepEqual(
    read,
    frames.map((frame) => frame.data),
  );
});

const foreign: [string, string, unknown][] = [
  ['CRLF', 'event: a\r\ndata: 1\r\n\r\n', [{ event: 'a', data: '1' }]],
  [
    'CR',
    'data: 1\r\rdata: 2\r\r\n',
    [
      { event: 'message', data: '1' },
      { event: 'message', data: '2' },
    ],
  ],
  ['several data lines', 'data: a\ndata:b\ndata\n\n', [{ event: 'message', data: 'a\nb\n' }]],
  ['a byte order mark', '\uFEFFdata: 1\n\n', [{ event: 'message', data: '1' }]],
  ['an event without data', 'event: a\n\ndata: 1\n\n', [{ event: 'message', data: '1' }]],
  [
    'an id that stays',
    'id: 5\ndata: 1\n\ndata: 2\n\n',
    [
      { id: '5', event: 'message', data: '1' },
      { id: '5', event: 'message', data: '2' },
    ],
  ],
  ['unknown fields and comments', ': hi\nretry: 10\nfoo: 1\ndata: 1\n\n', [{ event: 'message', data: '1' }]],
  ['an unfinished frame', 'data: 1\n\ndata: 2\n', [{ event: 'message', data: '1' }]],
];
for (const [name, stream, expected] of foreign) {
  test(`a foreign stream with ${name} is read as the standard says`, () => {
    assert.deepEqual(new FrameParser().push(stream), expected);
  });
}

test('the rest of a record begins after the frame of that id', () => {
  assert.equal(framesAfter(text, '1'), frames.slice(1).map(encodeFrame).join(''));
  assert.equal(framesAfter(text, '2'), encodeFrame(frames[2]!));
  assert.equal(framesAfter(text, '3'), '');
  assert.equal(framesAfter(text, '4'), text);
  assert.equal(framesAfter(text, ''), text);
});
