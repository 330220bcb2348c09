import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test, type TestContext } from 'node:test';
import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gatewayStore, type ArtifactStore } from '@cogo/client/artifact_store.ts';
import { dataApiRpc } from '@cogo/client/data_api_rpc.ts';
import type { Rpc } from '@cogo/client/rpc.ts';
import { storePayload } from '@cogo/client/stored_payload.ts';
import { cogoError } from '@cogo/spec/errors.ts';
import type { Result } from '@cogo/spec/result.ts';
import { startTestStack, type TestStack } from '@cogo/stack/testing_place.ts';
import { withUpload } from './artifact_upload.ts';
import { writeArtifacts, type Artifact } from './artifacts.ts';
import type { Executor } from './executors/executor.ts';
import { claimedJob, jobContext } from './executors/testing.ts';
import { runWorker } from './run.ts';
import { temporaryFolder } from './sandbox/testing.ts';

let t: TestStack;
before(async () => {
  t = await startTestStack();
});
after(() => t.close());

function value<T>(got: Result<T>): T {
  if (!got.ok) assert.fail(`${got.error.code}: ${got.error.message}`);
  return got.value;
}

/** A project of the stack with a worker, its store, and the server's side. */
async function project() {
  const url = t.stack.urls.gateway;
  const apikey = t.stack.keys.publishable_key;
  const service = dataApiRpc({ url, apikey: t.stack.keys.secret_key });
  const made = value(
    await service.call<{ id: string }>('create_project', { name: `p ${crypto.randomUUID()}` }),
  );
  const token = async (kind: string) =>
    value(await service.call<{ token: string }>('create_token', { project_id: made.id, kind, name: 't' }))
      .token;
  const worker = await token('worker');
  const member = await token('project');
  return {
    id: made.id,
    service,
    rpc: dataApiRpc({ url, apikey, cogoToken: worker }) as Rpc,
    store: gatewayStore({ url, apikey, cogoToken: worker }),
    member: gatewayStore({ url, apikey, cogoToken: member }),
    anon: gatewayStore({ url, apikey }),
    enqueue: async (payload: unknown = {}) =>
      value(
        await service.call<{ job_id: string }[]>('enqueue', {
          project_id: made.id,
          jobs: [{ type: 'code.build.test', payload }],
        }),
      )[0]!.job_id,
    status: async (jobId: string) =>
      value(await service.call<Record<string, unknown>>('job_status', { job_id: jobId })),
  };
}

/** Does a job by writing one artifact; `during` runs while the attempt does. */
function work(
  test: TestContext,
  p: Awaited<ReturnType<typeof project>>,
  during: (artifacts: Artifact[], dataDir: string, payload: unknown) => Promise<void> | void = () => {},
  store: ArtifactStore = p.store,
) {
  const dataDir = temporaryFolder(test);
  const broken: unknown[] = [];
  const executor: Executor = {
    type: 'code.build.test',
    async run(job) {
      const artifacts = await writeArtifacts(join(dataDir, 'artifacts'), job, 'build-test', {
        'report.json': '{"한글":"🙂"}',
        'build.log': Buffer.from([0xff, 0x00, 0x41]),
      });
      try {
        await during(artifacts, dataDir, job.payload);
      } catch (error) {
        broken.push(error);
      }
      return { kind: 'finished', result: { state: 'succeeded', artifacts } };
    },
  };
  return runWorker({
    rpc: p.rpc,
    executorId: `w.${p.id}`,
    workspaceRoot: dataDir,
    dataDir,
    sandbox: 'unsafe-none',
    signal: new AbortController().signal,
    log: () => {},
    executors: [executor],
    store,
    once: true,
    random: () => 0,
  }).then((ended) => {
    // What an executor throws is a failed attempt; here it is the test's own assertion.
    if (broken.length > 0) throw broken[0];
    return ended;
  });
}

interface Told {
  artifacts: Artifact[];
  upload: { state: string; message: string | null };
}

test('artifacts of a job are in Storage, byte for byte, for members of the project only', async (test_) => {
  const [p, other] = [await project(), await project()];
  const jobId = await p.enqueue();
  value(await work(test_, p));
  const job = await p.status(jobId);
  assert.equal(job['state'], 'succeeded');
  const { artifacts, upload } = job['result'] as Told;
  assert.deepEqual(upload, { state: 'stored', message: null });
  assert.deepEqual(
    artifacts.map(({ path, size, store }) => [path, size, store]),
    [
      [`jobs/${jobId}/1/build-test/report.json`, 17, 'storage'],
      [`jobs/${jobId}/1/build-test/build.log`, 3, 'storage'],
    ],
  );
  const log = artifacts[1]!.path;
  for (const reader of [p.store, p.member]) {
    assert.deepEqual([...value(await reader.get(log, 1_000))], [0xff, 0x00, 0x41]);
  }
  for (const stranger of [p.anon, other.store, other.member]) {
    const got = await stranger.get(log, 1_000);
    assert.ok(!got.ok && ['not_found', 'forbidden'].includes(got.error.code), JSON.stringify(got));
  }
});

test('a worker writes below its own running attempt and nowhere else', async (test_) => {
  const [p, other] = [await project(), await project()];
  const jobId = await p.enqueue();
  const bytes = Buffer.from('x');
  const put = async (store: ArtifactStore, path: string) => {
    const got = await store.put(path, bytes, 'text/plain');
    return got.ok ? 'ok' : got.error.code;
  };
  const base = `jobs/${jobId}/1/build-test`;
  value(
    await work(test_, p, async () => {
      assert.equal(await put(p.store, `${base}/extra.log`), 'ok');
      assert.equal(await put(p.store, `${base}/extra.log`), 'ok', 'again is harmless');
      assert.equal(await put(p.store, `jobs/${jobId}/2/build-test/extra.log`), 'forbidden');
      assert.equal(await put(p.store, `payloads/${p.id}/x.json`), 'forbidden');
      assert.equal(await put(other.store, `${base}/other.log`), 'forbidden');
      assert.equal(await put(p.member, `${base}/member.log`), 'forbidden');
      assert.equal(await put(p.anon, `${base}/anon.log`), 'forbidden');
      for (const odd of [`${base}/../x`, `/${base}/x`, `${base}//x`, `${base}/.x`, 'x']) {
        assert.notEqual(await put(p.store, odd), 'ok', odd);
      }
    }),
  );
  assert.equal(await put(p.store, `${base}/late.log`), 'forbidden');
});

test('Storage that is away costs the upload, not the result, which says so', async (test_) => {
  const p = await project();
  const jobId = await p.enqueue();
  let tries = 0;
  const down: ArtifactStore = {
    put: async () => {
      tries++;
      return { ok: false, error: cogoError('unavailable', 'Storage does not answer.') };
    },
    get: p.store.get,
    remove: p.store.remove,
  };
  value(await work(test_, p, () => {}, down));
  const job = await p.status(jobId);
  const { artifacts, upload } = job['result'] as Told;
  assert.equal(job['state'], 'succeeded');
  assert.deepEqual(upload, { state: 'failed', message: 'Storage does not answer.' });
  assert.deepEqual(
    artifacts.map(({ store }) => store),
    ['local', 'local'],
  );
  assert.equal(tries, 4, 'tried again, and not for each file anew');
});

test('an artifact that was replaced by a link, and one outside the attempt, are not uploaded', async (test_) => {
  const p = await project();
  const jobId = await p.enqueue();
  value(
    await work(test_, p, ([report, log], dataDir) => {
      const file = join(dataDir, 'artifacts', report!.path);
      writeFileSync(join(dirname(dataDir), 'secret'), 'secret');
      rmSync(file);
      symlinkSync('/etc/passwd', file);
      log!.path = `jobs/${jobId}/1/../../../secret`;
    }),
  );
  const { artifacts, upload } = (await p.status(jobId))['result'] as Told;
  assert.equal(upload.state, 'failed');
  assert.deepEqual(
    artifacts.map(({ store }) => store),
    ['local', 'local'],
  );
});

test('a payload too large for a row goes through Storage and arrives whole', async (test_) => {
  const p = await project();
  const payload = { text: 'é'.repeat(200_000) };
  const ref = value(await storePayload(p.member, p.id, payload));
  assert.ok(JSON.stringify(ref).length < 300);
  const jobId = await p.enqueue(ref);
  const got: unknown[] = [];
  value(await work(test_, p, (_artifacts, _dir, arrived) => void got.push(arrived)));
  assert.deepEqual(got, [payload]);
  assert.equal((await p.status(jobId))['state'], 'succeeded');
  const small = { a: 1 };
  assert.equal(value(await storePayload(p.member, p.id, small)), small);
});

test('a payload that is not what was enqueued, or of another project, is refused', async (test_) => {
  const [p, other] = [await project(), await project()];
  const ref = value(await storePayload(p.member, p.id, { text: 'x'.repeat(200_000) })) as {
    payload_ref: { path: string; sha256: string; bytes: number };
  };
  const foreign = value(await storePayload(other.member, other.id, { text: 'x'.repeat(200_000) }));
  const { path, sha256, bytes } = ref.payload_ref;
  const cases = [
    { payload_ref: { path, bytes, sha256: '0'.repeat(64) } },
    { payload_ref: { path, sha256, bytes: bytes - 1 } },
    { payload_ref: { path: `payloads/${p.id}/../x`, sha256, bytes } },
    { payload_ref: 'x' },
    foreign,
  ];
  const ids: string[] = [];
  for (const payload of cases) ids.push(await p.enqueue(payload));
  value(await work(test_, p, () => assert.fail('it must not start')));
  for (const id of ids) {
    const job = await p.status(id);
    assert.deepEqual(
      [job['state'], job['reason']],
      ['dead', 'validation_failed'],
      JSON.stringify(job['error']),
    );
  }
});

test('a gateway that answers errors is told apart from one that is not there', async (test_) => {
  const server = createServer((_request, response) => {
    response.writeHead(503).end('<html>busy</html>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const store = gatewayStore({ url: `http://127.0.0.1:${port}`, apikey: 'k', cogoToken: 'cogo_wt_secret' });
  const busy = await store.put('jobs/a/1/s/f', Buffer.from('x'), 'text/plain');
  assert.ok(!busy.ok && busy.error.code === 'unavailable' && busy.error.retryable);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  const away = await store.get('jobs/a/1/s/f', 10);
  assert.ok(!away.ok && away.error.code === 'unavailable');
  assert.doesNotMatch(JSON.stringify([busy, away]), /cogo_wt_/);
  const context = jobContext();
  const executor = withUpload(
    { type: 'x', run: async () => ({ kind: 'finished', result: null }) },
    { store, artifactsDir: temporaryFolder(test_) },
  );
  assert.deepEqual(await executor.run(claimedJob(), context), { kind: 'finished', result: null });
});
