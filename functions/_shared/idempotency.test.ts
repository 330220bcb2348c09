import assert from 'node:assert/strict';
import { z } from 'zod';
import { checkIdempotencyKey } from './begin.ts';
import { createApp } from './plane.ts';
import { fakePlane, post, type FakePlane } from './testing.ts';

function counting(
  plane: FakePlane,
  answer: (n: number) => {
    status?: number;
    fail?: 'internal' | 'not_found' | 'quota_exceeded';
    size?: number;
  } = () => ({}),
) {
  const state = { runs: 0, gate: Promise.resolve() };
  const app = createApp({ name: 'demo', deps: plane.deps }).route(
    { method: 'POST', path: '/', auth: 'anon', idempotent: true, body: z.record(z.string(), z.unknown()) },
    async (ctx) => {
      const n = ++state.runs;
      await state.gate;
      const { fail, size, status } = answer(n);
      if (fail) return ctx.fail(fail, 'told to');
      return ctx.ok(
        { n, filler: 'x'.repeat(size ?? 0) },
        { status: status ?? 200, headers: { etag: '"1"' } },
      );
    },
  );
  const ask = async (body: unknown, key: string, caller: 'anon' | 'token' = 'anon') => {
    const response = await app.request('/demo', post(body, caller, { 'idempotency-key': key }));
    const text = await response.text();
    return { status: response.status, text, headers: response.headers };
  };
  return { app, state, ask };
}

Deno.test('the same key and body give the stored answer, marked as replayed', async () => {
  const { app, state, ask } = counting(fakePlane(), () => ({ status: 201 }));
  const first = await ask({ a: 1, b: 2 }, 'k');
  await app.idle();
  const second = await ask({ b: 2, a: 1 }, 'k');
  assert.equal(state.runs, 1);
  assert.equal(first.headers.get('idempotency-replayed'), null);
  assert.equal(second.headers.get('idempotency-replayed'), 'true');
  assert.equal(second.text, first.text);
  assert.equal(second.status, 201);
  assert.equal(second.headers.get('etag'), '"1"');
  assert.equal(second.headers.get('x-trace-id'), first.headers.get('x-trace-id'));
});

Deno.test('an anonymous caller is not given what another one keeps under the same key', async () => {
  const { app, state } = counting(fakePlane());
  const from = async (address: string) => {
    const init = post({ a: 1 }, 'anon', { 'idempotency-key': 'order-1', 'x-forwarded-for': address });
    const response = await app.request('/demo', init);
    await app.idle();
    return response.headers.get('idempotency-replayed');
  };
  assert.equal(await from('203.0.113.7'), null);
  assert.equal(await from('203.0.113.8'), null);
  assert.equal(await from('203.0.113.7'), 'true');
  assert.equal(state.runs, 2);
});

Deno.test('the same key with another body is a conflict', async () => {
  const { app, state, ask } = counting(fakePlane());
  await ask({ a: 1 }, 'k');
  await app.idle();
  const second = await ask({ a: 2 }, 'k');
  assert.equal(second.status, 409);
  assert.match(second.text, /"code":"idempotency_conflict"/);
  assert.equal(state.runs, 1);
});

Deno.test('a key belongs to its principal', async () => {
  const { app, state, ask } = counting(fakePlane());
  await ask({ a: 1 }, 'k', 'anon');
  await app.idle();
  const other = await ask({ a: 2 }, 'k', 'token');
  assert.equal(other.status, 200);
  assert.equal(state.runs, 2);
});

Deno.test('of two requests at once one executes and both get its result', async () => {
  const plane = fakePlane({ deps: { wait: () => new Promise((resolve) => setTimeout(resolve, 1)) } });
  const { app, state, ask } = counting(plane);
  let open: () => void = () => {};
  state.gate = new Promise((resolve) => (open = resolve));
  const both = Promise.all([ask({ a: 1 }, 'k'), ask({ a: 1 }, 'k')]);
  while (plane.begun.length < 3) await new Promise((resolve) => setTimeout(resolve, 1));
  open();
  const [left, right] = await both;
  await app.idle();
  assert.equal(state.runs, 1);
  assert.equal(left.text, right.text);
  const replayed = [left, right].map((item) => item.headers.get('idempotency-replayed'));
  assert.deepEqual(replayed.sort(), [null, 'true'].sort());
});

Deno.test('waiting for the first takes growing steps, takes no rate, and gives up with a retryable conflict', async () => {
  const waits: number[] = [];
  const plane = fakePlane({
    deps: { wait: async (ms) => void waits.push(ms) },
    functions: {
      request_begin: ({ request }) => {
        plane.begun.push(request as never);
        return { trace: null, idempotency: { state: 'running' } };
      },
    },
  });
  const { ask } = counting(plane);
  const answer = await ask({}, 'k');
  assert.equal(answer.status, 409);
  assert.match(answer.text, /"retryable":true/);
  assert.equal(answer.headers.get('retry-after'), '1');
  assert.equal(waits[0], 100);
  assert.ok(waits.every((ms, i) => ms <= 1000 && ms >= (waits[i - 1] ?? 0)));
  const total = waits.reduce((sum, ms) => sum + ms, 0);
  assert.ok(total >= 30_000 && total < 31_000, `${total} ms`);
  assert.ok(
    plane.begun[0]!.rate !== undefined && plane.begun.slice(1).every((again) => again.rate === undefined),
  );
});

const outcomes: [string, 'internal' | 'not_found' | 'quota_exceeded', boolean][] = [
  ['a 5xx frees the key', 'internal', false],
  ['a retryable refusal frees the key', 'quota_exceeded', false],
  ['a final refusal is stored', 'not_found', true],
];
for (const [name, fail, stored] of outcomes) {
  Deno.test(name, async () => {
    const plane = fakePlane();
    const { app, state, ask } = counting(plane, (n) => (n === 1 ? { fail } : {}));
    await ask({}, 'k');
    await app.idle();
    assert.equal(plane.keys.size, stored ? 1 : 0);
    await ask({}, 'k');
    assert.equal(state.runs, stored ? 1 : 2);
    await app.idle();
  });
}

Deno.test('an answer over the limit is not stored and says so', async () => {
  const plane = fakePlane();
  const { app, ask } = counting(plane, () => ({ size: 1_048_577 }));
  const answer = await ask({}, 'k');
  await app.idle();
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('idempotency-stored'), 'false');
  assert.equal(plane.keys.size, 0);
});

Deno.test('a request without a key or on an operation that has none stores nothing', async () => {
  const plane = fakePlane();
  const { app } = counting(plane);
  app.route({ method: 'POST', path: '/plain', auth: 'anon' }, (ctx) => ctx.ok({}));
  await app.request('/demo', post({}, 'anon'));
  await app.request('/demo/plain', post({}, 'anon', { 'idempotency-key': 'k' }));
  await app.idle();
  assert.ok(plane.begun.every((ask) => ask.idempotency === undefined));
});

for (const [key, good] of [
  ['a', true],
  ['x'.repeat(255), true],
  ['!~:{}"', true],
  ['', false],
  ['x'.repeat(256), false],
  ['with space', false],
  ['한글', false],
  ['tab\t', false],
] as const) {
  Deno.test(`an idempotency key of ${key.length} characters like ${JSON.stringify(key.slice(0, 10))} is ${good ? 'taken' : 'refused'}`, () => {
    const result = checkIdempotencyKey(key);
    assert.equal(result.ok, good);
    if (!result.ok) assert.equal(result.error.code, 'bad_request');
  });
}
