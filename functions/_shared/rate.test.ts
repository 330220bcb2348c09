import assert from 'node:assert/strict';
import { createApp } from './plane.ts';
import { MemoryBuckets } from './rate.ts';
import { asCaller, fakePlane, post } from './testing.ts';

const denied = { allowed: false, limit: 5, remaining: 0, reset_s: 50, retry_after_s: 7 };
const routes = (plane: ReturnType<typeof fakePlane>) =>
  createApp({ name: 'demo', deps: plane.deps })
    .route(
      { method: 'POST', path: '/', auth: 'anon', rate: { capacity: 5, refill_per_s: 0.1, cost: 2 } },
      (ctx) => ctx.ok({}),
    )
    .route({ method: 'GET', path: '/', auth: 'anon', rate: { capacity: 2, refill_per_s: 1 } }, (ctx) =>
      ctx.ok({}),
    );

Deno.test('an allowed call carries the RateLimit fields', async () => {
  const plane = fakePlane();
  const response = await routes(plane).request('/demo', post({}, 'token'));
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('ratelimit-limit'), '5');
  assert.equal(response.headers.get('ratelimit-remaining'), '4');
  assert.equal(response.headers.get('ratelimit-reset'), '1');
  assert.equal(response.headers.get('retry-after'), null);
  assert.deepEqual(plane.begun[0]?.rate, {
    bucket: 'demo:token:test',
    capacity: 5,
    refill_per_s: 0.1,
    cost: 2,
  });
});

Deno.test('a call over the rate is refused with Retry-After and makes nothing', async () => {
  const plane = fakePlane({ functions: { request_begin: () => ({ trace: null, rate: denied }) } });
  const app = routes(plane);
  const response = await app.request('/demo', post({}, 'token'));
  assert.equal(response.status, 429);
  assert.equal(response.headers.get('retry-after'), '7');
  assert.equal(response.headers.get('ratelimit-remaining'), '0');
  const answer = (await response.json()) as { code: string; retryable: boolean };
  assert.equal(answer.code, 'rate_limited');
  assert.equal(answer.retryable, true);
  await app.idle();
  assert.equal(plane.ended.length, 0);
});

Deno.test('anonymous callers are told apart by address, which is not stored in clear', async () => {
  const plane = fakePlane();
  const app = routes(plane);
  for (const address of ['203.0.113.1', '203.0.113.2', '203.0.113.1']) {
    await app.request('/demo', post({}, 'anon', { 'x-forwarded-for': `${address}, 10.0.0.1` }));
  }
  const buckets = plane.begun.map((ask) => ask.rate!.bucket);
  assert.equal(buckets[0], buckets[2]);
  assert.notEqual(buckets[0], buckets[1]);
  assert.ok(!buckets.join().includes('203.0.113'));
});

Deno.test('the service has no limit', async () => {
  const plane = fakePlane();
  const response = await routes(plane).request('/demo', post({}, 'service'));
  assert.equal(plane.begun[0]?.rate, undefined);
  assert.equal(response.headers.get('ratelimit-limit'), null);
});

for (const [scale, capacity] of [
  ['0', undefined],
  ['3', 15],
  ['rubbish', 5],
] as const) {
  Deno.test(`COGO_RATE_SCALE=${scale} gives a capacity of ${capacity ?? 'any size'}`, async () => {
    const plane = fakePlane({ env: { COGO_RATE_SCALE: scale } });
    await routes(plane).request('/demo', post({}, 'token'));
    assert.equal(plane.begun[0]?.rate?.capacity, capacity);
  });
}

Deno.test('reads are limited too, in memory', async () => {
  const plane = fakePlane({ deps: { now: () => 1000 } });
  const app = routes(plane);
  const statuses: number[] = [];
  for (let i = 0; i < 3; i++)
    statuses.push((await app.request('/demo', { headers: asCaller('anon') })).status);
  assert.deepEqual(statuses, [200, 200, 429]);
});

Deno.test('a bucket refills with time up to its capacity and never beyond', () => {
  const buckets = new MemoryBuckets();
  const rule = { bucket: 'b', capacity: 2, refill_per_s: 1, cost: 1 };
  const at = (ms: number) => buckets.take(rule, ms);
  assert.deepEqual([at(0).allowed, at(0).allowed, at(0).allowed], [true, true, false]);
  assert.equal(at(500).retry_after_s, 1);
  assert.equal(at(1000).allowed, true);
  assert.equal(at(1_000_000).remaining, 1);
  // A clock that goes back gives nothing and takes nothing.
  assert.equal(at(0).remaining, 0);
});

Deno.test('the memory of buckets is bounded', () => {
  const buckets = new MemoryBuckets();
  for (let i = 0; i < 10_001; i++)
    buckets.take({ bucket: `b${i}`, capacity: 1, refill_per_s: 1e-9, cost: 1 }, 0);
  // The oldest was forgotten and so is full again; the newest was not.
  assert.equal(buckets.take({ bucket: 'b0', capacity: 1, refill_per_s: 1e-9, cost: 1 }, 0).allowed, true);
  assert.equal(
    buckets.take({ bucket: 'b10000', capacity: 1, refill_per_s: 1e-9, cost: 1 }, 0).allowed,
    false,
  );
});
