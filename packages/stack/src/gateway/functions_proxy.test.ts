import assert from 'node:assert/strict';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { createFunctionsProxy } from './functions_proxy.ts';

async function listen(t: TestContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

/** A gateway in front of a functions host that decides about a body as Deno does: `100 Continue` when it begins to read. */
async function gateway(t: TestContext, host: { reads: boolean }): Promise<string> {
  const read: RequestListener = (request, response) => {
    let bytes = 0;
    request.on('data', (part: Buffer) => (bytes += part.length));
    request.on('end', () => response.end(JSON.stringify({ bytes })));
  };
  const functions = createServer(read);
  functions.on('checkContinue', (request, response) => {
    if (host.reads) {
      response.writeContinue();
      return read(request, response);
    }
    response
      .writeHead(413, { connection: 'close' })
      .end('{"code":"payload_too_large"}', () => request.socket.destroy());
  });
  const port = await listen(t, functions);
  const proxy = createFunctionsProxy({
    target: { address: async () => ({ host: '127.0.0.1', port }), endedByHang: () => false },
    timeoutMs: 10_000,
  });
  t.after(() => proxy.close());
  return `http://127.0.0.1:${await listen(t, createServer(proxy.handle))}/functions/v1/chat`;
}

test('a refusal of a large body that was not read reaches the caller', async (t) => {
  const url = await gateway(t, { reads: false });
  const response = await fetch(url, { method: 'POST', body: 'a'.repeat(5_000_000) });
  assert.equal(response.status, 413);
  assert.deepEqual(await response.json(), { code: 'payload_too_large' });
});

for (const size of [0, 100, 16_384, 16_385, 1_000_000]) {
  test(`a body of ${size} bytes arrives whole`, async (t) => {
    const url = await gateway(t, { reads: true });
    const response = await fetch(url, { method: 'POST', body: 'a'.repeat(size) });
    assert.deepEqual(await response.json(), { bytes: size });
  });
}

test('a body without a length arrives whole', async (t) => {
  const url = await gateway(t, { reads: true });
  const body = new Blob(['a'.repeat(300_000)]).stream();
  const response = await fetch(url, { method: 'POST', body, duplex: 'half' } as RequestInit);
  assert.deepEqual(await response.json(), { bytes: 300_000 });
});
