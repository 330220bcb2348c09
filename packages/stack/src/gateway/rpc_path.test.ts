import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import { generateApiKey } from '@supabase/lite';
import { makePlace, type TestPlace } from './testing_rpc_path.ts';

let place: TestPlace;

before(async () => {
  place = await makePlace({
    publishable_key: (await generateApiKey('publishable')).key,
    secret_key: (await generateApiKey('secret')).key,
    jwt_secret: 'a secret of more than thirty-two characters',
    kek: 'k',
  });
});
after(() => place.close());

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
function jwt(claims: object, secret = place.keys.jwt_secret): string {
  const body = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
}
const SUB = '7b0c1f0e-5a52-4a53-9d0c-6a3f5a3d1c11';
const inAnHour = () => Math.floor(Date.now() / 1000) + 3600;
const user = () => ({
  apikey: place.keys.publishable_key,
  authorization: `Bearer ${jwt({ role: 'authenticated', sub: SUB, aud: 'authenticated', exp: inAnHour() })}`,
});
const anon = () => ({ apikey: place.keys.publishable_key });
const service = () => ({ apikey: place.keys.secret_key });

const ALIKE: [string, string, unknown, () => Record<string, string>][] = [
  ['an anonymous call', 'whoami', {}, anon],
  ['a service call', 'whoami', {}, service],
  [
    'a key sent twice, as the old clients do',
    'whoami',
    {},
    () => ({ ...anon(), authorization: `Bearer ${place.keys.publishable_key}` }),
  ],
  ['a signed-in call', 'whoami', {}, user],
  [
    'a text argument with quotes, backslashes and Korean',
    'get_project',
    { project: `'"\\; drop -- 한국어 🙂` },
    service,
  ],
  ['an argument that is null', 'create_project', { name: 'Null Slug', slug: null }, service],
  [
    'a jsonb argument',
    'request_begin',
    { request: { trace_id: 'a'.repeat(32), function: 'f', principal: 'p' } },
    anon,
  ],
  ['an error with detail and hint', 'get_project', { project: 'nope' }, service],
  ['a function the role may not call', 'sweep', {}, anon],
  ['a signed-in caller at a function of the server', 'sweep', {}, user],
  ['a value of the wrong type', 'index_status', { project_id: 'no uuid' }, service],
  ['an unknown argument', 'whoami', { nope: 1 }, service],
  ['a missing argument', 'get_project', {}, service],
  ['an unknown function', 'no_such_function', {}, service],
  ['a body that is no object', 'whoami', [1], service],
  ['no key', 'whoami', {}, () => ({})],
  ['a wrong key', 'whoami', {}, () => ({ apikey: 'sb_publishable_wrong' })],
  [
    'an expired token',
    'whoami',
    {},
    () => ({ ...anon(), authorization: `Bearer ${jwt({ role: 'authenticated', sub: SUB, exp: 1000 })}` }),
  ],
  [
    'a forged token',
    'whoami',
    {},
    () => ({
      ...anon(),
      authorization: `Bearer ${jwt({ role: 'authenticated', sub: SUB, exp: inAnHour() }, 'other')}`,
    }),
  ],
];

for (const [name, fn, body, headers] of ALIKE) {
  test(`both ways answer alike: ${name}`, async () => {
    const [mine, library] = [await place.mine(fn, body, headers()), await place.library(fn, body, headers())];
    assert.equal(mine.status, library.status);
    assert.deepEqual(place.settled(mine.body), place.settled(library.body));
    assert.equal(mine.type, library.type);
  });
}

test('a plain call never reaches the library, a call of another schema always does', async () => {
  place.reached.length = 0;
  await place.mine('whoami', {}, service());
  assert.deepEqual(place.reached, []);
  await place.mine('whoami', {}, service(), 'public');
  assert.equal(place.reached.length, 1);
});

test('a token for service_role does not pass the short way, whoever signed it', async () => {
  place.reached.length = 0;
  const authorization = `Bearer ${jwt({ role: 'service_role', exp: inAnHour() })}`;
  await place.mine('whoami', {}, { ...anon(), authorization });
  assert.equal(place.reached.length, 1);
});

test('the role and the claims of one call are gone at the next', async () => {
  await place.mine('whoami', {}, user());
  const next = await place.mine('whoami', {}, anon());
  assert.equal((next.body as { kind: string; user_id: unknown }).kind, 'anon');
  assert.equal((next.body as { user_id: unknown }).user_id, null);
  assert.equal((await place.sql('select current_user as who'))[0]!['who'], place.owner);
});

test('a function made later is known after the schema was read again', async () => {
  await place.sql(
    `create function cogo_api.later() returns jsonb language sql as 'select ''{"ok":1}''::jsonb'`,
  );
  await place.refresh();
  place.reached.length = 0;
  assert.deepEqual((await place.mine('later', {}, service())).body, { ok: 1 });
  assert.deepEqual(place.reached, []);
});

test('statements that somebody dropped from the session are prepared again', async () => {
  const ask = async () => (await place.mine('get_project', { project: 'nope' }, service())).status;
  const before = await ask();
  await place.sql('deallocate all');
  assert.equal(await ask(), before);
  assert.equal((await place.mine('whoami', {}, service())).status, 200);
});

test('a call that fails leaves nothing behind and the next one works', async () => {
  const count = async () => Number((await place.sql('select count(*) as n from cogo.projects'))[0]!['n']);
  const before = await count();
  const failed = await place.mine('create_project', { name: '', slug: null }, service());
  assert.ok(failed.status >= 400);
  assert.equal(await count(), before);
  assert.equal((await place.mine('whoami', {}, service())).status, 200);
  assert.equal((await place.sql('select current_user as who'))[0]!['who'], place.owner);
});

test('calls at once are each answered as their own caller', async () => {
  const kinds = await Promise.all(
    [user, anon, service, user, service, anon].map(async (who) => {
      const { body } = await place.mine('whoami', {}, who());
      return (body as { kind: string }).kind;
    }),
  );
  assert.deepEqual(kinds, ['user', 'anon', 'service', 'user', 'service', 'anon']);
});
