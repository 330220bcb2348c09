import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BackendError, backendReader, type Notification } from './backend_messages.ts';

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 0);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

test('the end of a query, notifications and errors are found however the stream is cut', () => {
  const stream = Buffer.concat([
    message('C', Buffer.from('SELECT 1\0')),
    message('1', Buffer.alloc(0)),
    message('A', Buffer.concat([Buffer.alloc(4), Buffer.from('채널\0{"a":1}\0')])),
    message('E', Buffer.from('SPANIK\0VPANIC\0C53100\0Mno space\0\0')),
    message('D', Buffer.from([0x5a, 0, 0, 0, 5, 0x49])),
    message('Z', Buffer.from('T')),
    message('Z', Buffer.from('I')),
  ]);
  for (let size = 1; size <= stream.length; size += 1) {
    const ready: string[] = [];
    const notifications: Notification[] = [];
    const errors: BackendError[] = [];
    const feed = backendReader({
      ready: (s) => ready.push(s),
      notification: (n) => notifications.push(n),
      error: (e) => errors.push(e),
    });
    for (let at = 0; at < stream.length; at += size) feed(stream.subarray(at, at + size));
    assert.deepEqual(ready, ['T', 'I'], `chunks of ${size}`);
    assert.deepEqual(
      errors,
      [{ severity: 'PANIC', code: '53100', message: 'no space' }],
      `chunks of ${size}`,
    );
    assert.deepEqual(notifications, [{ channel: '채널', payload: '{"a":1}' }], `chunks of ${size}`);
  }
});
