import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';
import { sqlWorld } from './client/sql_world.ts';
import type { BuildTestResult } from './executors/build_test_report.ts';
import { temporaryFolder } from './sandbox/testing.ts';
import { testGateway } from './testing_gateway.ts';

const BIN = fileURLToPath(new URL('../bin/cogo-work.mjs', import.meta.url));

let db: TestDatabase;
before(async () => {
  db = await openTestDatabase();
});
after(() => db.close());

/** A repository with one recipe, a database, a gateway to it, and `cogo-work` as a process. */
async function place(t: TestContext, steps: unknown[]) {
  const world = await sqlWorld(db);
  const gateway = await testGateway(t, db);
  const dir = temporaryFolder(t);
  const repo = join(dir, 'repo');
  mkdirSync(repo);
  writeFileSync(join(repo, 'cogo.config.json'), JSON.stringify({ recipes: { default: { steps } } }));
  const made = await world.service.call<{ token: string }>('create_token', {
    project_id: world.project,
    kind: 'worker',
    name: 'process',
    executor: 'cogo-work',
  });
  assert.ok(made.ok);
  const { token } = made.value;
  const env = {
    PATH: process.env['PATH'],
    HOME: dir,
    SUPABASE_URL: gateway.url,
    SUPABASE_PUBLISHABLE_KEY: 'sb_publishable_test',
    COGO_WORKER_TOKEN: token,
    COGO_DATA: join(dir, 'data'),
    EXECUTOR_ID: `cogo-work.${world.project}`,
  };
  const start = (...args: string[]) => {
    const child = spawn(process.execPath, [BIN, ...args], {
      env,
      cwd: dir,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    t.after(() => child.kill('SIGKILL'));
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => {
      out += String(chunk);
    });
    child.stderr.on('data', (chunk) => {
      err += String(chunk);
    });
    const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) =>
      child.on('close', (code) => {
        // Whatever it says, it never says the token.
        assert.doesNotMatch(out + err, /cogo_wt_/);
        resolve({ code, out, err });
      }),
    );
    const said = async (pattern: RegExp) => {
      while (!pattern.test(err)) {
        if (child.exitCode !== null) assert.fail(`ended before it said ${pattern}: ${err}`);
        await new Promise((resolve) => child.stderr.once('data', resolve));
      }
    };
    return { child, ended, said };
  };
  return { world, gateway, dir, repo, token, env, start };
}

const status = async (p: Awaited<ReturnType<typeof place>>, jobId: string) => {
  const got = await p.world.service.call<Record<string, unknown>>('job_status', { job_id: jobId });
  assert.ok(got.ok);
  return got.value;
};

test('cogo-work does a job of the database end to end and tells its result', async (t) => {
  const p = await place(t, [
    { name: 'build', run: ['node', '-e', 'console.log("built")'] },
    { name: 'test', run: ['node', '-e', 'console.log(JSON.stringify(process.env))'] },
  ]);
  const jobId = await p.world.enqueue({ payload: { repo_path: p.repo } });
  const worker = p.start('run', '--once', '--json', '--allow-repo', p.repo);
  const { code, out, err } = await worker.ended;
  assert.equal(code, 0, err);
  const summary = JSON.parse(out);
  assert.deepEqual([summary.ok, summary.claimed, summary.finished], [true, 1, 1]);
  const job = await status(p, jobId);
  assert.equal(job['state'], 'succeeded');
  const result = job['result'] as BuildTestResult;
  assert.deepEqual([result.state, result.exit_code], ['succeeded', 0]);
  assert.deepEqual(
    result.steps.map((step) => [step.name, step.state]),
    [
      ['build', 'succeeded'],
      ['test', 'succeeded'],
    ],
  );
  assert.doesNotMatch(JSON.stringify(result), /cogo_wt_|sb_publishable|SUPABASE|COGO_/);
  const report = result.artifacts.find((artifact) => artifact.name === 'build-test/report.json')!;
  const kept = JSON.parse(readFileSync(join(p.env.COGO_DATA, 'artifacts', report.path), 'utf8'));
  assert.equal(kept.job_id, jobId);
  const events = await p.world.service.call<{ kind: string; data: { log?: string } }[]>('job_events', {
    job_id: jobId,
  });
  assert.ok(events.ok);
  assert.ok(events.value.some((event) => event.kind === 'job.progress'));
});

test('a job of a repository the owner does not allow is dead with the reason policy_violation', async (t) => {
  const p = await place(t, []);
  const jobId = await p.world.enqueue({ payload: { repo_path: '/etc' } });
  const { code } = await p.start('run', '--once', '--workspace', p.repo).ended;
  assert.equal(code, 0);
  const job = await status(p, jobId);
  assert.deepEqual([job['state'], job['reason']], ['dead', 'policy_violation']);
});

test('every type of the lane has its executor, and a payload that is wrong is refused by it', async (t) => {
  const p = await place(t, []);
  const types = ['code.debug', 'index.file', 'quality.lint', 'quality.secrets'];
  const jobs = await Promise.all(types.map((type) => p.world.enqueue({ type, payload: { surprise: 1 } })));
  await p.start('run', '--once', '--slots', '4').ended;
  for (const jobId of jobs) {
    const job = await status(p, jobId);
    assert.deepEqual(
      [job['state'], job['reason']],
      ['dead', 'validation_failed'],
      JSON.stringify(job['error']),
    );
    assert.match(JSON.stringify(job['error']), /surprise/);
  }
});

test('SIGTERM kills the work, hands the lease back and exits 0', async (t) => {
  const p = await place(t, [{ name: 'test', run: 'echo begun; sleep 1000' }]);
  const jobId = await p.world.enqueue({ payload: { repo_path: p.repo } });
  const worker = p.start('run', '--allow-repo', p.repo);
  await worker.said(/job started/);
  worker.child.kill('SIGTERM');
  const { code, err } = await worker.ended;
  assert.equal(code, 0, err);
  const job = await status(p, jobId);
  assert.deepEqual(
    [job['state'], job['releases'], job['failures'], job['lease_losses']],
    ['queued', 1, 0, 0],
  );
});

test('SIGINT ends it with 130, after the lease was handed back', async (t) => {
  const p = await place(t, [{ name: 'test', run: 'sleep 1000' }]);
  const jobId = await p.world.enqueue({ payload: { repo_path: p.repo } });
  const worker = p.start('run', '--allow-repo', p.repo);
  await worker.said(/job started/);
  worker.child.kill('SIGINT');
  assert.equal((await worker.ended).code, 130);
  assert.equal((await status(p, jobId))['state'], 'queued');
});

test('a worker whose gateway goes away and comes back loses no job', async (t) => {
  const p = await place(t, [{ name: 'test', run: ['node', '-e', 'console.log(1)'] }]);
  p.gateway.away = true;
  const worker = p.start('run', '--allow-repo', p.repo);
  await worker.said(/waiting for the dispatcher/);
  const jobId = await p.world.enqueue({ payload: { repo_path: p.repo } });
  p.gateway.away = false;
  await worker.said(/job started/);
  p.gateway.away = true;
  await worker.said(/could not (report|beat|claim)/);
  p.gateway.away = false;
  await worker.said(/job finished/);
  worker.child.kill('SIGTERM');
  await worker.ended;
  const job = await status(p, jobId);
  assert.deepEqual([job['state'], job['attempt']], ['succeeded', 1]);
});

test('a revoked token ends the worker with exit 1 and a clear message', async (t) => {
  const p = await place(t, []);
  const tokens = await p.world.service.call<{ id: string; name: string }[]>('list_tokens', {
    project_id: p.world.project,
  });
  assert.ok(tokens.ok);
  await p.world.service.call('revoke_token', { id: tokens.value.find((row) => row.name === 'process')!.id });
  const { code, out, err } = await p.start('run', '--json').ended;
  assert.equal(code, 1);
  assert.equal(JSON.parse(out).code, 'unauthorized');
  assert.match(err, /revoked/);
});

test('enroll keeps the token for later runs, status tells who the worker is', async (t) => {
  const p = await place(t, []);
  const { SUPABASE_URL: url, SUPABASE_PUBLISHABLE_KEY: key } = p.env;
  const bad = await p.start('enroll', '--url', url, '--apikey', 'sb_secret_x', '--token', p.token).ended;
  assert.equal(bad.code, 2);
  const done = await p.start('enroll', '--url', url, '--apikey', key, '--token', p.token, '--json').ended;
  assert.equal(done.code, 0, done.err);
  assert.equal(JSON.parse(done.out).project_id, p.world.project);
  Object.assign(p.env, {
    SUPABASE_URL: undefined,
    SUPABASE_PUBLISHABLE_KEY: undefined,
    COGO_WORKER_TOKEN: undefined,
  });
  const who = await p.start('status', '--json').ended;
  assert.equal(who.code, 0, who.err);
  const told = JSON.parse(who.out);
  assert.deepEqual(
    [told.credentials, told.identity.kind, told.identity.project_id],
    ['enrolment', 'worker', p.world.project],
  );
});
