// The unmodified supabase-js against a running place with its functions.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import postgres from 'postgres';
import { WebSocket } from 'ws';
import { startTestStack, type TestStack } from '../testing_place.ts';
import { askChat, createProject, followTrace, type Journey, newTraceId, startJourney } from './journey.ts';

let place: TestStack;
let database: { url: string; drop(): Promise<void> } | undefined;
let journey: Journey;
let alice: SupabaseClient;
let projectId: string;
before(async () => {
  database = await ownDatabase();
  place = await startTestStack({ functions: true, ...(database ? { dbUrl: database.url } : {}) });
  journey = startJourney({
    createClient,
    transport: globalThis.WebSocket ? undefined : WebSocket,
    url: place.stack.urls.gateway,
    publishableKey: place.stack.keys.publishable_key,
    secretKey: place.stack.keys.secret_key,
  });
  alice = await journey.signUp();
  projectId = await createProject(alice, 'Journey');
});
after(async () => {
  await journey.end();
  await place.close();
  await database?.drop();
});

/** A database of its own on the server that COGO_TEST_DB names, else none: the embedded one. */
async function ownDatabase(): Promise<{ url: string; drop(): Promise<void> } | undefined> {
  const server = process.env['COGO_TEST_DB'];
  if (!server) return undefined;
  const name = `cogo_e2e_${process.pid}`;
  const admin = postgres(server, { max: 1, onnotice: () => {} });
  await admin.unsafe(`create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  const drop = async () => {
    await admin.unsafe(`drop database ${name} with (force)`);
    await admin.end();
  };
  return { url: url.href, drop };
}

test('a user signs up, signs in again and is who they were', async () => {
  const { data } = await alice.auth.getUser();
  const again = journey.anonymous();
  const wrong = await again.auth.signInWithPassword({ email: data.user?.email ?? '', password: 'wrong' });
  assert.equal(wrong.data.session, null);
  assert.equal(wrong.error?.status, 400);
  const who = await alice.schema('cogo_api').rpc('whoami');
  assert.deepEqual([who.data.kind, who.data.user_id], ['user', data.user?.id]);
});

test('rpc answers by the rights of the caller', async () => {
  const bob = await journey.signUp();
  const mine = await alice.schema('cogo_api').rpc('get_project', { project: projectId });
  assert.equal(mine.data.name, 'Journey');
  const his = await bob.schema('cogo_api').rpc('get_project', { project: projectId });
  assert.equal(his.error?.code, 'CG003');
  const nobody = await journey.anonymous().schema('cogo_api').rpc('get_project', { project: projectId });
  assert.equal(nobody.error?.code, 'CG003');
  const all = await journey.service().schema('cogo_api').rpc('get_project', { project: projectId });
  assert.equal(all.data.id, projectId);
});

test('Storage gives back what was uploaded, byte for byte, as a Blob or as bytes', async () => {
  const admin = journey.service();
  assert.equal((await admin.storage.createBucket('journey', { public: false })).error, null);
  const bytes = Uint8Array.from({ length: 70_000 }, (_, index) => (index * 31) % 256);
  const bodies: [string, Blob | Uint8Array][] = [
    ['폴더/파일 1.bin', new Blob([bytes], { type: 'application/octet-stream' })],
    ['raw.bin', bytes],
  ];
  for (const [path, body] of bodies) {
    const uploaded = await admin.storage.from('journey').upload(path, body);
    assert.equal(uploaded.error, null, path);
    const { data, error } = await admin.storage.from('journey').download(path);
    assert.equal(error, null, path);
    assert.deepEqual(new Uint8Array(await data!.arrayBuffer()), bytes);
  }
  const stranger = await journey.anonymous().storage.from('journey').download('raw.bin');
  assert.ok(stranger.error, 'a private bucket is closed to anon');
});

test('a user follows the trace of a chat and gets each of its events once, in order', async () => {
  const traceId = newTraceId();
  let follower: ReturnType<typeof followTrace> | undefined;
  const { frames, text } = await askChat(alice, {
    projectId,
    traceId,
    text: 'What does this project do?',
    onMeta: async () => {
      follower = followTrace(alice, traceId);
      assert.deepEqual(await follower.subscribed, { status: 'SUBSCRIBED', error: undefined });
    },
  });
  assert.deepEqual([frames[0], frames.at(-1)], ['meta', 'done']);
  assert.ok(text.length > 0);
  assert.ok(follower);
  await follower.until('request.done');
  const types = follower.events.map(({ event_type }) => event_type);
  assert.ok(types.includes('llm.done'), types.join());
  assert.ok(follower.events.every(({ trace_id }) => trace_id === traceId));
  const ids = follower.events.map(({ id }) => id);
  assert.deepEqual(
    ids,
    [...ids].sort((a, b) => a - b),
  );

  // The row is the truth: what was broadcast is what the trace says.
  const { data } = await alice.schema('cogo_api').rpc('trace_status', { trace_id: traceId });
  const stored = data.events
    .map((event: { id: number }) => Number(event.id))
    .sort((a: number, b: number) => a - b);
  assert.deepEqual(ids, stored);
});

test('who joins after the end is given the events of before', async () => {
  const traceId = newTraceId();
  await askChat(alice, { projectId, traceId, text: 'And this?', onMeta: async () => {} });
  const follower = followTrace(alice, traceId);
  assert.equal((await follower.subscribed).status, 'SUBSCRIBED');
  await follower.until('request.done');
});

test('the trace of another is closed to other users, to anon and before it exists', async () => {
  const traceId = newTraceId();
  const early = followTrace(alice, traceId);
  assert.match((await early.subscribed).error ?? '', /^Unauthorized/);
  await alice.removeChannel(early.channel);
  await askChat(alice, { projectId, traceId, text: 'Whose is this?', onMeta: async () => {} });
  for (const other of [await journey.signUp(), journey.anonymous()]) {
    const follower = followTrace(other, traceId);
    const { status, error } = await follower.subscribed;
    assert.equal(status, 'CHANNEL_ERROR');
    assert.match(error ?? '', /^Unauthorized/);
    assert.deepEqual(follower.events, []);
    await other.removeChannel(follower.channel);
  }
  const service = followTrace(journey.service(), traceId);
  assert.equal((await service.subscribed).status, 'SUBSCRIBED');
});

test('a member added later may follow, and one removed may not join again', async () => {
  const carol = await journey.signUp();
  const { data } = await carol.auth.getUser();
  const traceId = newTraceId();
  await askChat(alice, { projectId, traceId, text: 'For Carol', onMeta: async () => {} });
  const member = { project_id: projectId, user_id: data.user?.id };
  const added = await alice.schema('cogo_api').rpc('add_member', { ...member, role: 'viewer' });
  assert.equal(added.error, null);
  const follower = followTrace(carol, traceId);
  assert.equal((await follower.subscribed).status, 'SUBSCRIBED');
  await follower.until('request.done');
  await carol.removeChannel(follower.channel);
  await alice.schema('cogo_api').rpc('remove_member', member);
  assert.equal((await followTrace(carol, traceId).subscribed).status, 'CHANNEL_ERROR');
});

test('a program with a project token follows the traces of that project, until the token is revoked', async () => {
  const made = await alice
    .schema('cogo_api')
    .rpc('create_token', { project_id: projectId, kind: 'project', name: 'ci' });
  assert.equal(made.error, null);
  const traceId = newTraceId();
  await askChat(alice, { projectId, traceId, text: 'For a program', onMeta: async () => {} });
  // The socket carries the token as every call does: a header beside the publishable key.
  class WithToken extends WebSocket {
    constructor(url: string, protocols: string[] | undefined) {
      super(url, protocols ?? [], { headers: { 'x-cogo-token': made.data.token } });
    }
  }
  const follow = () => followTrace(journey.anonymous(WithToken), traceId);
  const follower = follow();
  assert.deepEqual(await follower.subscribed, { status: 'SUBSCRIBED', error: undefined });
  await follower.until('request.done');
  await alice.schema('cogo_api').rpc('revoke_token', { id: made.data.id });
  assert.equal((await follow().subscribed).status, 'CHANNEL_ERROR');
});

test('broadcast and presence work between users on a public topic', async () => {
  const bob = await journey.signUp();
  const [hers, his] = [alice, bob].map((client, index) =>
    client.channel('lobby', { config: { broadcast: { ack: true }, presence: { key: `user${index}` } } }),
  ) as [ReturnType<SupabaseClient['channel']>, ReturnType<SupabaseClient['channel']>];
  const heard = new Promise<Record<string, unknown>>((resolve) => {
    his.on('broadcast', { event: 'wave' }, ({ payload }) => resolve(payload));
  });
  const both = new Promise<void>((resolve) => {
    his.on('presence', { event: 'sync' }, () => {
      if (Object.keys(his.presenceState()).length === 2) resolve();
    });
  });
  for (const channel of [hers, his]) {
    await new Promise<void>((resolve, reject) =>
      channel.subscribe((status, error) => (status === 'SUBSCRIBED' ? resolve() : reject(error))),
    );
    assert.equal(await channel.track({ here: true }), 'ok');
  }
  await both;
  assert.equal(await hers.send({ type: 'broadcast', event: 'wave', payload: { n: 1 } }), 'ok');
  assert.deepEqual(await heard, { n: 1 });
});

test('an HTTP broadcast needs no socket', async () => {
  const listener = alice.channel('news');
  const heard = new Promise<Record<string, unknown>>((resolve) => {
    listener.on('broadcast', { event: 'flash' }, ({ payload }) => resolve(payload));
  });
  await new Promise<void>((resolve) => listener.subscribe((status) => status === 'SUBSCRIBED' && resolve()));
  assert.deepEqual(await journey.anonymous().channel('news').httpSend('flash', { n: 1 }), { success: true });
  assert.deepEqual(await heard, { n: 1 });
});
