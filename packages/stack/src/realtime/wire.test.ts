import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import fc from 'fast-check';
import { broadcastPayload, decodeFrame, encodeBroadcast, encodeMessage, type Vsn } from './wire.ts';

// The client's own serializer is the oracle.
const require = createRequire(import.meta.url);
const { default: Serializer } = require('@supabase/realtime-js/dist/main/lib/serializer.js');
const client = new Serializer();

const bytes = (data: string | Uint8Array) => (typeof data === 'string' ? Buffer.from(data) : data);
// The client writes names with one byte a character.
const name = fc.stringMatching(/^[ -~]{1,100}$/);

test('reads every JSON push of the client, binary frames and text, as it was meant', () => {
  fc.assert(
    fc.property(name, name, name, name, fc.jsonValue(), (join_ref, ref, topic, event, payload) => {
      const push = {
        join_ref,
        ref,
        topic,
        event: 'broadcast',
        payload: { type: 'broadcast', event, payload },
      };
      const encoded = client.encode(push, (data: ArrayBuffer) => new Uint8Array(data));
      const decoded = decodeFrame('2.0.0', encoded, true);
      assert.ok(decoded.ok);
      assert.deepEqual(decoded.frame.payload, JSON.parse(JSON.stringify(payload ?? {})));
      assert.deepEqual(
        [decoded.frame.joinRef, decoded.frame.ref, decoded.frame.topic, decoded.frame.body?.event],
        [join_ref, ref, topic, event],
      );
    }),
    { numRuns: 200 },
  );
});

test('keeps the bytes of a binary push', () => {
  const body = Uint8Array.from({ length: 300 }, (_, index) => index % 256);
  const push = {
    join_ref: '1',
    ref: '2',
    topic: 'realtime:t',
    event: 'broadcast',
    payload: { event: 'e', payload: body.buffer },
  };
  const decoded = decodeFrame(
    '2.0.0',
    client.encode(push, (data: ArrayBuffer) => new Uint8Array(data)),
    true,
  );
  assert.ok(decoded.ok);
  assert.equal(decoded.frame.body?.encoding, 'binary');
  assert.deepEqual(new Uint8Array(decoded.frame.body.bytes), body);
});

test('what it writes is what the client reads, in both versions', () => {
  fc.assert(
    fc.property(name, fc.string(), fc.jsonValue(), (topic, event, payload) => {
      const json = JSON.stringify(payload);
      const broadcast = { payload: broadcastPayload(event, json, { id: 'x' }) };
      const expected = { type: 'broadcast', event, payload: JSON.parse(json), meta: { id: 'x' } };
      for (const vsn of ['1.0.0', '2.0.0'] as Vsn[]) {
        const data = encodeBroadcast(vsn, topic, broadcast) as string;
        const message =
          vsn === '1.0.0' ? JSON.parse(data) : client.decode(data, (decoded: unknown) => decoded);
        assert.equal(message.topic, topic);
        assert.equal(message.event, 'broadcast');
        assert.deepEqual(message.payload, expected);
      }
    }),
    { numRuns: 200 },
  );
});

test('bytes reach a client of 2.0.0 with their meta, and none of 1.0.0', () => {
  const broadcast = { binary: Uint8Array.of(1, 2, 255), event: '이벤트', meta: { id: 'm' } };
  const data = encodeBroadcast('2.0.0', 'realtime:방', broadcast) as Uint8Array;
  const buffer = data.buffer.slice(data.byteOffset, data.byteOffset + data.length);
  const message = client.decode(buffer, (decoded: unknown) => decoded);
  assert.equal(message.topic, 'realtime:방');
  assert.equal(message.payload.event, '이벤트');
  assert.deepEqual(message.payload.meta, { id: 'm' });
  assert.deepEqual(new Uint8Array(message.payload.payload), Uint8Array.of(1, 2, 255));
  assert.equal(encodeBroadcast('1.0.0', 'realtime:방', broadcast), undefined);
});

test('a name over 255 bytes is not squeezed into a binary frame', () => {
  const broadcast = { binary: Uint8Array.of(1), event: 'e'.repeat(256), meta: null };
  assert.equal(encodeBroadcast('2.0.0', 't', broadcast), undefined);
});

test('replies carry the references as they came, numbers too', () => {
  const message = { joinRef: 7, ref: '8', topic: 't', event: 'phx_reply', payload: '{}' };
  assert.deepEqual(JSON.parse(encodeMessage('2.0.0', message)), [7, '8', 't', 'phx_reply', {}]);
  assert.deepEqual(JSON.parse(encodeMessage('1.0.0', message)), {
    topic: 't',
    event: 'phx_reply',
    payload: {},
    ref: '8',
    join_ref: 7,
  });
});

const REFUSED: [Vsn, string | Uint8Array, boolean, RegExp][] = [
  ['2.0.0', 'nonsense', false, /not JSON/],
  ['2.0.0', '', false, /not JSON/],
  ['2.0.0', '{"topic":"t"}', false, /array/],
  ['2.0.0', '[1,2,3]', false, /array/],
  ['2.0.0', '[{},"2","t","e",{}]', false, /join_ref and ref/],
  ['2.0.0', '["1","2",5,"e",{}]', false, /topic/],
  ['2.0.0', '["1","2","","e",{}]', false, /topic/],
  ['2.0.0', '["1","2","t",null,{}]', false, /event/],
  ['1.0.0', '["1","2","t","e",{}]', false, /object/],
  ['1.0.0', 'null', false, /object/],
  ['1.0.0', Uint8Array.of(3, 0, 0, 0, 0, 0, 0), true, /vsn=2.0.0/],
  ['2.0.0', Uint8Array.of(), true, /kind none/],
  ['2.0.0', Uint8Array.of(9), true, /kind 9/],
  ['2.0.0', Uint8Array.of(3, 1), true, /ends/],
  ['2.0.0', Uint8Array.of(3, 0, 0, 200, 0, 0, 1, 65), true, /ends/],
  ['2.0.0', Uint8Array.of(3, 0, 0, 1, 0, 0, 7, 65), true, /encoding/],
  ['2.0.0', Uint8Array.of(3, 0, 0, 1, 0, 0, 1, 65, 123), true, /not JSON/],
  ['2.0.0', Uint8Array.of(3, 0, 0, 1, 0, 0, 1, 65, 34, 255, 34), true, /not JSON/],
];

test('what is no message is refused with a reason', () => {
  for (const [vsn, data, binary, reason] of REFUSED) {
    const decoded = decodeFrame(vsn, bytes(data), binary);
    assert.equal(decoded.ok, false, String(data));
    assert.match(decoded.ok ? '' : decoded.reason, reason);
  }
});

test('a refusal names the references it could still read', () => {
  const decoded = decodeFrame('2.0.0', Buffer.from('["1","2","t",null,{}]'), false);
  assert.deepEqual(decoded, { ok: false, reason: 'event is a string', joinRef: '1', ref: '2', topic: 't' });
});

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 64 }),
      fc.boolean(),
      fc.constantFrom<Vsn>('1.0.0', '2.0.0'),
      (data, binary, vsn) => {
        decodeFrame(vsn, binary && data.length > 0 ? Uint8Array.of(3, ...data) : data, binary);
      },
    ),
    { numRuns: 2000 },
  );
});
