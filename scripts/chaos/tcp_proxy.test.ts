import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { test } from 'node:test';
import { TcpProxy } from './tcp_proxy.ts';

test('a deaf proxy keeps connections open and carries nothing; healed, it carries new ones', async (t) => {
  const heard: string[] = [];
  let tell: () => void = () => {};
  const echo = createServer((socket) => {
    // The proxy resets what it closes.
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      heard.push(chunk.toString());
      socket.write(chunk);
      tell();
    });
  });
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
  const proxy = await TcpProxy.open('127.0.0.1', (echo.address() as AddressInfo).port);
  const dial = () => connect(proxy.port, '127.0.0.1').on('error', () => {});
  const old = dial();
  t.after(() => {
    old.destroy();
    proxy.close();
    echo.close();
  });
  old.write('one');
  assert.equal(String((await once(old, 'data'))[0]), 'one');
  proxy.goDeaf();
  old.write('two');
  proxy.heal();
  const next = dial();
  const arrived = new Promise<void>((resolve) => {
    tell = resolve;
  });
  next.write('three');
  await arrived;
  assert.deepEqual(heard, ['one', 'three']);
  assert.equal(old.destroyed, false);
  next.destroy();
});
