import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { test } from 'node:test';
import { inline, postgresRpc } from './postgres_rpc.ts';

test('a call that the server never answers ends with its signal, and the next call comes over a new connection', async (t) => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {}).resume();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const rpc = postgresRpc({
    url: `postgres://u:p@127.0.0.1:${(server.address() as AddressInfo).port}/d`,
    max: 1,
  });
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await rpc.close();
  });
  const stop = new AbortController();
  const connected = once(server, 'connection');
  const first = rpc.call('version', {}, { signal: stop.signal });
  await connected;
  stop.abort();
  const answer = await first;
  assert.equal(answer.ok ? '' : answer.error.code, 'aborted');
  // the only connection of the pool is lost to the first call, and given up
  await once(sockets[0]!, 'close');
  const again = once(server, 'connection');
  const later = new AbortController();
  const second = rpc.call('version', {}, { signal: later.signal });
  await again;
  later.abort();
  await second;
  await once(sockets[1]!, 'close');
  assert.equal(sockets.length, 2);
});

test('parameters become literals that nothing in them can end', () => {
  const nasty = `'; drop table x; -- $$ $1 \\ $q0$ "`;
  const [tag, ...rest] = inline('select f($1::text, $2::text, $1::text)', [nasty, null]).match(
    /\$q[0-9a-f]{16}\$/g,
  )!;
  assert.equal(rest.length, 3);
  assert.ok(!nasty.includes(tag!));
  assert.match(inline('select $1::text', [null]), /^select null::text$/);
  const text = inline('$1', [nasty]);
  assert.equal(text.slice(19, -19), nasty);
});

test('a value that ends like its tag begins is still a value', () => {
  const tag = inline('$1', ['']).slice(0, 18);
  for (const nasty of [`x${tag}`, `x${tag}_0`, `${tag}$`, `${tag}_0$${tag}`, tag.slice(1), '$']) {
    const text = inline('$1', [nasty]);
    const own = /^\$[a-z0-9_]+\$/.exec(text)![0];
    assert.equal(text, `${own}${nasty}${own}`);
    assert.equal(text.indexOf(own, own.length), own.length + nasty.length, nasty);
  }
});
