// Storage and the edge in the embedded place: payloads come from it, and what nobody needs goes.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import postgres from 'postgres';
import { gatewayStore, type ArtifactStore } from '@cogo/client/artifact_store.ts';
import { storePayload } from '@cogo/client/stored_payload.ts';
import { startTestStack, type TestStack } from '@cogo/stack/testing_place.ts';

let place: TestStack;
let sql: postgres.Sql;
let server: ArtifactStore;
let project_id: string;
before(async () => {
  place = await startTestStack({ functions: true });
  sql = postgres(place.stack.urls.db, { max: 1, onnotice: () => {} });
  const { urls, keys } = place.stack;
  server = gatewayStore({ url: urls.gateway, apikey: keys.secret_key });
  project_id = (await call<{ id: string }>('create_project', { name: 'Storage' })).id;
});
after(async () => {
  await sql?.end();
  await place?.close();
});

async function call<T>(fn: string, args: Record<string, unknown> = {}): Promise<T> {
  const got = await place.stack.rpc.call<T>(fn, args);
  if (!got.ok) throw new Error(`${fn}: ${got.error.code} ${got.error.message}`);
  return got.value;
}

interface Status {
  state: string;
  reason: string | null;
  executor_id: string;
  error: { message: string } | null;
  result: Record<string, unknown>;
}

async function enqueue(type: string, payload: unknown): Promise<string> {
  const made = await call<{ job_id: string }[]>('enqueue', { project_id, jobs: [{ type, payload }] });
  return made[0]!.job_id;
}

async function over(job_id: string): Promise<Status> {
  for (;;) {
    const job = await call<Status>('job_status', { job_id });
    if (['succeeded', 'dead', 'cancelled'].includes(job.state)) return job;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const research = { question: 'What is a lease?', padding: 'x'.repeat(200_000) };

async function stored(): Promise<{ payload_ref: { path: string; sha256: string; bytes: number } }> {
  const ref = await storePayload(server, project_id, research);
  assert.ok(ref.ok, JSON.stringify(ref));
  return ref.value as { payload_ref: { path: string; sha256: string; bytes: number } };
}

test('a job of the edge gets its payload from Storage', async () => {
  const job = await over(await enqueue('research.run', await stored()));
  assert.equal(job.state, 'succeeded', JSON.stringify(job));
  assert.equal(job.executor_id, 'cogo-plan.edge.1');
  assert.equal(job.result['question'], research.question);
});

test('a payload of another size, another hash or another project is refused on the edge', async () => {
  const { payload_ref } = await stored();
  const refs: [object, RegExp][] = [
    [{ ...payload_ref, bytes: payload_ref.bytes - 1 }, /size or SHA-256 differs/],
    [{ ...payload_ref, sha256: 'a'.repeat(64) }, /size or SHA-256 differs/],
    [{ ...payload_ref, path: payload_ref.path.replace(project_id, crypto.randomUUID()) }, /own project/],
  ];
  for (const [ref, message] of refs) {
    const job = await over(await enqueue('research.run', { payload_ref: ref }));
    assert.deepEqual([job.state, job.reason], ['dead', 'validation_failed']);
    assert.match(job.error!.message, message);
  }
});

test('housekeeping deletes from Storage what nobody needs, files and rows, and nothing else', async () => {
  const put = async (path: string) => {
    const got = await server.put(path, new TextEncoder().encode(path), 'text/plain');
    assert.ok(got.ok, JSON.stringify(got));
    return path;
  };
  const payload = async () => (await stored()).payload_ref.path;
  // it waits for a type nobody does here, so that it stays
  const waiting = await stored();
  const job = await enqueue('code.build.test', waiting);
  const gone = '019a0000-0000-7000-8000-000000000000';
  const keep = {
    referred: waiting.payload_ref.path,
    young: await payload(),
    artifact: await put(`jobs/${job}/1/build-test/report.json`),
    foreign: await put(`other/${gone}/x.txt`),
  };
  const drop = {
    never_enqueued: await payload(),
    project_gone: await put(`payloads/${crypto.randomUUID()}/x.json`),
    expired: await put(`jobs/${job}/1/build-test/old.log`),
    job_gone: await put(`jobs/${gone}/1/build-test/report.json`),
  };
  const age = (path: string, days: number) =>
    sql`update storage.objects set created_at = clock_timestamp() - make_interval(days => ${days}) where name = ${path}`;
  for (const path of [...Object.values(drop), keep.referred, keep.foreign]) await age(path, 2);
  await age(keep.artifact, 29);
  await age(drop.expired, 31);
  const files = () =>
    readdirSync(join(place.dataDir, 'storage'), { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    ).length;
  const before_ = files();
  await sql`select cogo.housekeeping()`;
  await sql`select cogo.housekeeping()`;
  const cleaning = await sql`select id, state from cogo.jobs where type = 'storage.clean'`;
  assert.equal(cleaning.length, 1, 'one at a time');
  const done = await over(cleaning[0]!['id'] as string);
  assert.equal(done.state, 'succeeded', JSON.stringify(done));
  assert.deepEqual(done.result, { deleted: 4, expired: 1, orphans: 3 });
  const left = await sql<
    { name: string }[]
  >`select name from storage.objects where bucket_id = 'cogo-artifacts'`;
  const names = new Set(left.map(({ name }) => name));
  for (const [why, path] of Object.entries(keep)) assert.ok(names.has(path), why);
  for (const [why, path] of Object.entries(drop)) assert.ok(!names.has(path), why);
  // each object is a file and its description
  assert.equal(before_ - files(), 8);
  assert.ok(existsSync(place.dataDir));
  assert.deepEqual(await call('due_objects', { project_id }), []);
});

test('only the server deletes from Storage, and only its own jobs do', async () => {
  const { urls, keys } = place.stack;
  const { token } = await call<{ token: string }>('create_token', { project_id, kind: 'worker', name: 'w' });
  const path = (await stored()).payload_ref.path;
  const worker = gatewayStore({ url: urls.gateway, apikey: keys.publishable_key, cogoToken: token });
  const tried = await worker.remove([path]);
  assert.ok(!tried.ok || tried.value.length === 0, JSON.stringify(tried));
  assert.ok((await server.get(path, 1_000_000)).ok);
  const gone = await server.remove([path]);
  assert.deepEqual(gone, { ok: true, value: [path] });
});
