import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { dataApiRpc } from '@cogo/client/data_api_rpc.ts';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';
import { TcpProxy } from '../../../../scripts/chaos/tcp_proxy.ts';
import { sqlWorld } from '../client/sql_world.ts';
import type { Executor } from '../executors/executor.ts';
import { runWorker } from '../run.ts';
import { temporaryFolder } from '../sandbox/testing.ts';
import { testGateway } from '../testing_gateway.ts';

let db: TestDatabase;
before(async () => {
  db = await openTestDatabase();
});
after(() => db.close());

test('a worker whose network fell silent takes jobs again when new connections work, and loses none', async (t) => {
  const world = await sqlWorld(db);
  const gateway = await testGateway(t, db);
  const proxy = await TcpProxy.open('127.0.0.1', Number(new URL(gateway.url).port));
  t.after(() => proxy.close());
  const made = await world.service.call<{ token: string }>('create_token', {
    project_id: world.project,
    kind: 'worker',
    name: 'behind a proxy',
  });
  assert.ok(made.ok);
  const url = `http://127.0.0.1:${proxy.port}`;
  const heard: ((jobId: string) => void)[] = [];
  const executor: Executor = {
    type: 'code.build.test',
    async run(job) {
      heard.shift()?.(job.jobId);
      return { kind: 'finished', result: null };
    },
  };
  const next = () => new Promise<string>((resolve) => heard.push(resolve));
  const stop = new AbortController();
  t.after(() => stop.abort());
  const lines: string[] = [];
  const silence: { resolve: () => void } = { resolve: () => {} };
  const noticed = new Promise<void>((resolve) => {
    silence.resolve = resolve;
  });
  const ended = runWorker({
    rpc: dataApiRpc({ url, apikey: 'sb_publishable_test', cogoToken: made.value.token }),
    executorId: `silent.${world.project}`,
    workspaceRoot: process.cwd(),
    dataDir: temporaryFolder(t),
    sandbox: 'unsafe-none',
    signal: stop.signal,
    log: (_level, message) => {
      lines.push(message);
      if (/could not (beat|claim)/.test(message)) silence.resolve();
    },
    executors: [executor],
  });
  const first = next();
  const one = await world.enqueue();
  assert.equal(await first, one);
  proxy.goDeaf();
  await noticed;
  const again = next();
  const two = await world.enqueue();
  const healed = performance.now();
  proxy.heal();
  assert.equal(await again, two);
  t.diagnostic(`back after ${Math.round(performance.now() - healed)} ms`);
  stop.abort();
  assert.ok((await ended).ok, lines.join('\n'));
});
