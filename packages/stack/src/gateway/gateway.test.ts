import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import postgres from 'postgres';
import { startTestStack, type TestStack } from '../testing_place.ts';

let t: TestStack;
let sql: postgres.Sql;

before(async () => {
  t = await startTestStack();
  sql = postgres(t.stack.urls.db, { max: 1, onnotice: () => {} });
});
after(async () => {
  await sql.end();
  await t.close();
});

type Headers = Record<string, string>;

async function rest(path: string, init: { method?: string; body?: unknown; headers?: Headers } = {}) {
  const response = await fetch(`${t.stack.urls.gateway}${path}`, {
    method: init.method ?? 'POST',
    headers: { 'content-type': 'application/json', ...init.headers },
    ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
}

const rpc = (fn: string, args: object, headers: Headers, schema = 'cogo_api') =>
  rest(`/rest/v1/rpc/${fn}`, { body: args, headers: { 'content-profile': schema, ...headers } });
const anon = () => ({ apikey: t.stack.keys.publishable_key });
const service = () => ({ apikey: t.stack.keys.secret_key });

/** Asks until the answer is as wanted: the gateway learns of schema changes by a notification. */
async function until<T>(ask: () => Promise<T>, wanted: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
  }
}

test('the three roles come from the key and the user token, and the old way of sending the key twice works', async () => {
  const who = async (headers: Headers) => (await rpc('whoami', {}, headers)).body;
  assert.equal((await who(anon())).kind, 'anon');
  assert.equal((await who(service())).kind, 'service');
  assert.equal(
    (await who({ ...anon(), authorization: `Bearer ${t.stack.keys.publishable_key}` })).kind,
    'anon',
  );
  const signUp = await rest('/auth/v1/signup', {
    headers: anon(),
    body: { email: 'a@example.com', password: 'correct horse' },
  });
  assert.equal(signUp.status, 200);
  const user = await who({ ...anon(), authorization: `Bearer ${signUp.body.access_token}` });
  assert.equal(user.kind, 'user');
  assert.equal(user.user_id, signUp.body.user.id);
});

test('a call without key, with a wrong key, and with a forged or expired token is 401', async () => {
  assert.equal((await rpc('whoami', {}, {})).status, 401);
  assert.equal((await rpc('whoami', {}, { apikey: 'sb_publishable_wrong' })).status, 401);
  const forged =
    `${btoa('{"alg":"HS256","typ":"JWT"}')}.${btoa('{"role":"service_role","sub":"x"}')}.AAAA`.replaceAll(
      '=',
      '',
    );
  assert.equal((await rpc('whoami', {}, { ...anon(), authorization: `Bearer ${forged}` })).status, 401);
  const none = forged.replace(/^[^.]+/, btoa('{"alg":"none","typ":"JWT"}').replaceAll('=', ''));
  assert.equal((await rpc('whoami', {}, { ...anon(), authorization: `Bearer ${none}` })).status, 401);
  const unsigned = none.replace(/[^.]+$/, '');
  const answer = await rpc('whoami', {}, { ...anon(), authorization: `Bearer ${unsigned}` });
  assert.equal(answer.status === 401 || answer.body.kind === 'anon', true);
});

test('own SQLSTATEs arrive as PostgREST sends them: 400 with code, message, details and hint', async () => {
  const answer = await rpc('get_project', { project: 'nope' }, service());
  assert.equal(answer.status, 400);
  assert.equal(answer.body.code, 'CG003');
  assert.deepEqual(Object.keys(answer.body).sort(), ['code', 'details', 'hint', 'message']);
  const failed = await t.stack.rpc.call('get_project', { project: 'nope' });
  assert.ok(!failed.ok);
  assert.deepEqual([failed.error.code, failed.error.status], ['not_found', 404]);
});

test('a function made by psql is served soon after, and its errors have the status PostgREST gives them', async () => {
  await sql.unsafe(`create function public.fail_with(state text) returns void language plpgsql as $$
    begin raise exception using errcode = state, message = 'on purpose'; end $$`);
  const call = (state: string) => rpc('fail_with', { state }, anon(), 'public');
  const first = await until(
    () => call('P0001'),
    (answer) => answer.status !== 404,
  );
  assert.deepEqual(first, {
    status: 400,
    body: { code: 'P0001', message: 'on purpose', details: null, hint: null },
  });
  for (const [state, status] of [
    ['CG007', 400],
    ['22012', 400],
    ['23505', 409],
    ['42501', 401],
    ['40001', 500],
    ['53100', 503],
    ['57014', 500],
    ['PT418', 418],
  ] as const) {
    const answer = await call(state);
    assert.deepEqual([state, answer.status, answer.body.code], [state, status, state]);
  }
});

test('serving requests grants nobody anything on cogo', async () => {
  for (const headers of [anon(), service()]) await rpc('list_projects', {}, headers);
  await rest('/rest/v1/nothing', { method: 'GET', headers: anon() });
  const held = await sql`
    select c.relname, r.role from pg_class c, unnest(array['anon', 'authenticated']) as r(role)
    where c.relnamespace = 'cogo'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'S')
      and case c.relkind when 'S' then has_sequence_privilege(r.role, c.oid, 'usage, select, update')
        else has_table_privilege(r.role, c.oid, 'select, insert, update, delete, truncate, references, trigger') end`;
  assert.deepEqual([...held], []);
});

test('tables of cogo are not served, not even to the secret key', async () => {
  for (const profile of ['cogo', 'auth', 'storage', 'vault', 'pg_catalog']) {
    const answer = await rest('/rest/v1/projects', {
      method: 'GET',
      headers: { ...service(), 'accept-profile': profile },
    });
    assert.equal(answer.status, 406, profile);
  }
});

test('requests of several roles at once never see the role or the headers of another', async () => {
  await sql.unsafe(`create or replace function public.who() returns text language plpgsql as $$
    declare seen text := current_user;
    begin
      perform 1;
      return seen || ' ' || current_user || ' ' || (current_setting('request.headers')::json ->> 'x-number');
    end $$`);
  await until(
    () => rpc('who', {}, { ...anon(), 'x-number': '0' }, 'public'),
    (answer) => answer.status === 200,
  );
  const numbers = Array.from({ length: 120 }, (_, n) => n);
  const answers = await Promise.all(
    numbers.map(async (n) => {
      const headers = { ...(n % 2 ? service() : anon()), 'x-number': String(n) };
      if (n % 5 === 0) await rpc('get_project', { project: 'nope' }, headers);
      return (await rpc('who', {}, headers, 'public')).body as string;
    }),
  );
  assert.deepEqual(
    answers,
    numbers.map((n) => (n % 2 ? `service_role service_role ${n}` : `anon anon ${n}`)),
  );
});

test('a psql transaction keeps requests waiting instead of taking them in, and its settings leave with it', async () => {
  const other = postgres(t.stack.urls.db, { max: 1, onnotice: () => {} });
  await sql.end();
  try {
    let answered = false;
    await other
      .begin(async (tx) => {
        await tx`set statement_timeout = '77s'`;
        await tx`create table public.seen_only_inside (a int)`;
        const waiting = rpc('whoami', {}, anon()).then((answer) => {
          answered = true;
          return answer;
        });
        await tx`select 1`;
        assert.equal(answered, false);
        void waiting;
        throw new Error('roll back');
      })
      .catch((error: Error) => assert.equal(error.message, 'roll back'));
    assert.equal((await rpc('whoami', {}, anon())).status, 200);
  } finally {
    await other.end();
    sql = postgres(t.stack.urls.db, { max: 1, onnotice: () => {} });
  }
  const [row] =
    await sql`select current_setting('statement_timeout') as timeout, to_regclass('public.seen_only_inside') as made`;
  assert.deepEqual({ ...row }, { timeout: '0', made: null });
});

test('a path the gateway does not serve and the library’s own pages are 404 with the envelope', async () => {
  for (const path of ['/', '/_system/config', '/_system/introspect', '/studio', '/rest/v2/x']) {
    const answer = await rest(path, { method: 'GET' });
    assert.equal(answer.status, 404, path);
    assert.equal(answer.body.code, 'not_found');
    assert.match(answer.body.trace_id, /^[0-9a-f-]{32,36}$/);
  }
  const off = await rest('/functions/v1/chat', { headers: anon(), body: {} });
  assert.deepEqual([off.status, off.body.code, off.body.via], [503, 'not_configured', 'embedded']);
});

test('healthz tells the state of the database without a key', async () => {
  const answer = await rest('/healthz', { method: 'GET' });
  assert.equal(answer.status, 200);
  assert.deepEqual([answer.body.ok, answer.body.database, answer.body.functions], [true, 'ok', 'off']);
});

test('Studio asks for its password, is no other origin’s, and its service role is not to be had on the gateway', async () => {
  const { studio } = t.stack.urls;
  const basic = { authorization: `Basic ${btoa(`cogo:${t.stack.keys.studio_password}`)}` };
  assert.equal((await fetch(studio)).status, 401);
  assert.equal(
    (await fetch(studio, { headers: { authorization: `Basic ${btoa('cogo:wrong')}` } })).status,
    401,
  );
  const page = await fetch(studio, { headers: basic });
  assert.equal(page.status, 200);
  const html = await page.text();
  const script = /src="(\/static\/[^"]+\.js)"/.exec(html)?.[1];
  assert.ok(script, 'the page names its script');
  const asset = await fetch(studio + script, { headers: basic });
  assert.equal(asset.status, 200);
  await asset.arrayBuffer();
  assert.equal(
    (await fetch(`${studio}/static/../index.js`, { headers: basic })).headers.get('content-type'),
    'text/html; charset=UTF-8',
  );
  assert.equal((await fetch(studio, { headers: { ...basic, origin: 'https://example.com' } })).status, 403);
  const asStudio = await fetch(`${studio}/rest/v1/rpc/whoami`, {
    method: 'POST',
    headers: { ...basic, 'content-type': 'application/json', 'content-profile': 'cogo_api' },
    body: '{}',
  });
  assert.equal(((await asStudio.json()) as { kind: string }).kind, 'service');
  assert.equal((await rpc('whoami', {}, basic)).status, 401);
});
