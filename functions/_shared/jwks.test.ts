import assert from 'node:assert/strict';
import { remoteKeySet } from './jwks.ts';
import { ecKey, type TestKey } from './jwt_testing.ts';

function keyServer() {
  const state = { keys: [] as TestKey[], fetches: 0, now: 0, down: false };
  const set = remoteKeySet({
    url: 'http://auth.test/jwks',
    now: () => state.now,
    fetch: () => {
      state.fetches++;
      if (state.down) return Promise.reject(new TypeError('down'));
      return Promise.resolve(Response.json({ keys: state.keys.map((key) => key.jwk) }));
    },
  });
  return { state, set };
}

Deno.test('the key set is fetched once and kept', async () => {
  const { state, set } = keyServer();
  state.keys = [await ecKey('a')];
  await Promise.all([set.find('ES256', 'a'), set.find('ES256', 'a')]);
  assert.ok((await set.find('ES256', 'a')).ok);
  assert.equal(state.fetches, 1);
});

Deno.test('an unknown key id is looked up again after a pause, so that a rotation is seen', async () => {
  const { state, set } = keyServer();
  state.keys = [await ecKey('a')];
  await set.find('ES256', 'a');
  state.keys = [await ecKey('a'), await ecKey('b')];
  for (let i = 0; i < 20; i++) await set.find('ES256', `made-up-${i}`);
  assert.equal(state.fetches, 1);
  state.now = 10_000;
  assert.ok((await set.find('ES256', 'b')).ok);
  assert.equal(state.fetches, 2);
});

Deno.test('a removed key is forgotten when the set is ten minutes old', async () => {
  const { state, set } = keyServer();
  state.keys = [await ecKey('a')];
  await set.find('ES256', 'a');
  state.keys = [await ecKey('b')];
  state.now = 600_001;
  assert.ok(!(await set.find('ES256', 'a')).ok);
});

Deno.test('an outage of the key server keeps the known keys', async () => {
  const { state, set } = keyServer();
  state.keys = [await ecKey('a')];
  await set.find('ES256', 'a');
  state.down = true;
  state.now = 700_000;
  assert.ok((await set.find('ES256', 'a')).ok);
  assert.deepEqual(await set.find('ES256', 'b'), { ok: false, problem: 'key_set_unavailable' });
});

Deno.test('a key of another algorithm or use is not taken, nor does an unreadable one hide the rest', async () => {
  const { state, set } = keyServer();
  const good = await ecKey('a');
  state.keys = [
    { ...good, jwk: { ...good.jwk, x: '!' } },
    { ...good, jwk: { ...good.jwk, use: 'enc' } },
    good,
  ];
  const found = await set.find('ES256', undefined);
  assert.ok(found.ok && found.keys.length === 1);
  assert.ok(!(await set.find('RS256', 'a')).ok);
});
