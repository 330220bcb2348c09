// The plane behind a real socket: what an in-memory request can not show.
import assert from 'node:assert/strict';
import { z } from 'zod';
import { parseFrames } from '@cogo/spec/sse.ts';
import type { StreamBody } from './context.ts';
import { createApp } from './plane.ts';
import { asCaller, fakePlane, post, type FakePlane } from './testing.ts';

async function serve(
  plane: FakePlane,
  body: StreamBody,
  run: (url: string, idle: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const app = createApp({ name: 'demo', deps: plane.deps })
    .route(
      {
        method: 'POST',
        path: '/',
        auth: 'anon',
        stream: true,
        idempotent: true,
        body: z.record(z.string(), z.unknown()),
      },
      (ctx) => (ctx.wantsStream ? ctx.sse(body) : ctx.ok({ size: JSON.stringify(ctx.body).length })),
    )
    .route({ method: 'POST', path: '/wait', auth: 'anon' }, async (ctx) => {
      ctx.emit('waiting', {});
      await new Promise<void>((resolve) => ctx.signal.addEventListener('abort', () => resolve()));
      return ctx.ok({});
    });
  const server = Deno.serve({ port: 0, hostname: '127.0.0.1', onListen: () => {} }, app.fetch);
  try {
    await run(`http://127.0.0.1:${server.addr.port}/demo`, app.idle);
  } finally {
    await app.idle();
    await server.shutdown();
  }
}

const nothing: StreamBody = async () => undefined;
const asStream = { accept: 'text/event-stream' };

Deno.test('over a socket: a stream arrives whole and its trace is ready', async () => {
  const plane = fakePlane();
  const body: StreamBody = async (stream) => {
    for (let i = 0; i < 200; i++) await stream.send('llm.delta', { index: i, token: '한글 '.repeat(100) });
    await stream.send('llm.done', {});
    return undefined;
  };
  await serve(plane, body, async (url, idle) => {
    const frames = parseFrames(await (await fetch(url, post({}, 'anon', asStream))).text());
    assert.equal(frames.length, 203);
    assert.deepEqual(
      frames.map((frame) => frame.id),
      frames.map((_, i) => String(i + 1)),
    );
    assert.equal(frames.at(-1)!.event, 'done');
    await idle();
  });
  assert.equal(plane.ended[0]!['trace_status'], 'ready');
});

Deno.test('over a socket: a client that leaves a stream stops the handler and frees the key', async () => {
  const plane = fakePlane();
  let stopped: () => void = () => {};
  const end = new Promise<void>((resolve) => {
    stopped = resolve;
  });
  const body: StreamBody = async (stream) => {
    stream.signal.addEventListener('abort', () => stopped());
    await stream.send('llm.delta', { token: 'x' });
    await end;
    return undefined;
  };
  await serve(plane, body, async (url, idle) => {
    const client = new AbortController();
    const init = { ...post({}, 'anon', { ...asStream, 'idempotency-key': 'k' }), signal: client.signal };
    const response = await fetch(url, init);
    const reader = response.body!.getReader();
    await reader.read();
    client.abort();
    await reader.read().catch(() => {});
    await end;
    await idle();
  });
  assert.equal(plane.keys.size, 0);
  assert.equal((plane.ended[0]!['error'] as { code: string }).code, 'aborted');
});

Deno.test('over a socket: a client that leaves a JSON call aborts the handler', async () => {
  const plane = fakePlane();
  await serve(plane, nothing, async (url, idle) => {
    const client = new AbortController();
    const call = fetch(`${url}/wait`, { ...post({}, 'anon'), signal: client.signal }).catch(() => {});
    while (!plane.calls.some((item) => item.fn === 'emit_events'))
      await new Promise((resolve) => setTimeout(resolve, 1));
    client.abort();
    await call;
    while (plane.ended.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    await idle();
  });
  assert.equal((plane.ended[0]!['error'] as { code: string }).code, 'aborted');
});

Deno.test('over a socket: 5 MB are refused, with and without a declared length, and the server goes on', async () => {
  await serve(fakePlane(), nothing, async (url) => {
    const large = `{"a":"${'x'.repeat(5_000_000)}"}`;
    const declared = await fetch(url, { ...post({}, 'anon'), body: large });
    assert.equal(declared.status, 413);
    await declared.text();
    const chunked = await fetch(url, { ...post({}, 'anon'), body: new Blob([large]).stream() }).then(
      async (response) => {
        await response.text();
        return response.status;
      },
      // The server may close while the client still sends: that is a refusal as well.
      () => 413,
    );
    assert.equal(chunked, 413);
    const next = await fetch(url, post({ a: 1 }, 'anon'));
    assert.equal(next.status, 200);
    await next.text();
  });
});

Deno.test('over a socket: HEAD and OPTIONS have no body', async () => {
  await serve(fakePlane(), nothing, async (url) => {
    for (const [method, status] of [
      ['HEAD', 200],
      ['OPTIONS', 204],
    ] as const) {
      const response = await fetch(`${url}/healthz`, { method, headers: asCaller('anon') });
      assert.equal(response.status, status);
      assert.equal(await response.text(), '');
    }
  });
});

Deno.test('over a socket: a body of 5 MB without a length is told that it is too large', async () => {
  await serve(fakePlane(), nothing, async (url) => {
    for (let round = 0; round < 5; round += 1) {
      const parts = Array.from({ length: 80 }, () => new Uint8Array(65_536).fill(97));
      const response = await fetch(url, {
        method: 'POST',
        headers: asCaller('anon'),
        body: ReadableStream.from(parts),
      });
      assert.equal(response.status, 413);
      assert.equal(((await response.json()) as { code: string }).code, 'payload_too_large');
    }
  });
});
