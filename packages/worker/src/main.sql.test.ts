import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
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
    assert.match(JSON.stringify(job['error']), /The job is not valid/);
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

test('rotate replaces the kept token and revokes the one before; revoke ends it and forgets it', async (t) => {
  const p = await place(t, []);
  const { SUPABASE_URL: url, SUPABASE_PUBLISHABLE_KEY: key } = p.env;
  await p.start('enroll', '--url', url, '--apikey', key, '--token', p.token).ended;
  Object.assign(p.env, { SUPABASE_URL: undefined, SUPABASE_PUBLISHABLE_KEY: undefined });
  Object.assign(p.env, { COGO_WORKER_TOKEN: undefined });
  const kept = join(p.env.COGO_DATA, 'worker.json');
  const rotated = await p.start('rotate', '--json').ended;
  assert.equal(rotated.code, 0, rotated.err);
  const { token } = JSON.parse(readFileSync(kept, 'utf8'));
  assert.notEqual(token, p.token);
  assert.equal(statSync(kept).mode & 0o777, 0o600);
  const asked = (given: string) => db.rpc('anon', undefined, { 'x-cogo-token': given }).call('whoami');
  const old = await asked(p.token);
  assert.ok(!old.ok && old.error.code === 'unauthorized');
  assert.ok((await asked(token)).ok);
  const revoked = await p.start('revoke').ended;
  assert.equal(revoked.code, 0, revoked.err);
  assert.ok(!(await asked(token)).ok);
  assert.equal(existsSync(kept), false);
  assert.equal((await p.start('rotate').ended).code, 2);
});

test('a token that was rotated and never stored is revoked by the next rotation; the kept one goes on', async (t) => {
  const p = await place(t, []);
  const rpc = (token: string) => db.rpc('anon', undefined, { 'x-cogo-token': token });
  const first = await rpc(p.token).call<{ token: string }>('rotate_token');
  const second = await rpc(p.token).call<{ token: string }>('rotate_token');
  assert.ok(first.ok && second.ok);
  assert.ok(!(await rpc(first.value.token).call('whoami')).ok);
  assert.ok((await rpc(p.token).call('whoami')).ok);
  assert.ok((await rpc(second.value.token).call('whoami')).ok);
});

test('of two processes with the same name the newer wins, and the older exits with 3 and says why', async (t) => {
  const p = await place(t, []);
  const older = p.start('run');
  while (!p.gateway.calls.includes('claim')) await new Promise((resolve) => setImmediate(resolve));
  const newer = p.start('run');
  const { code, err } = await older.ended;
  assert.equal(code, 3, err);
  assert.match(err, /Another process runs as cogo-work\.[^ ]+ since.*EXECUTOR_ID/);
  newer.child.kill('SIGTERM');
  assert.equal((await newer.ended).code, 0);
});

test('a job whose type needs approval waits for cogo-work approve, and deny is policy_violation', async (t) => {
  const p = await place(t, [{ name: 'test', run: ['node', '-e', 'console.log(1)'] }]);
  writeFileSync(join(p.dir, 'cogo-work.toml'), '[types."code.*"]\napprove = "ask"\n');
  const yes = await p.world.enqueue({ payload: { repo_path: p.repo } });
  const no = await p.world.enqueue({ payload: { repo_path: p.repo } });
  const worker = p.start('run', '--allow-repo', p.repo, '--slots', '2');
  await worker.said(new RegExp(`cogo-work approve ${yes}`));
  await worker.said(new RegExp(`cogo-work approve ${no}`));
  const told = await p.start('status', '--json').ended;
  assert.deepEqual(
    JSON.parse(told.out)
      .waiting.map((one: { jobId: string }) => one.jobId)
      .sort(),
    [yes, no].sort(),
  );
  assert.equal((await p.start('approve', yes).ended).code, 0);
  assert.equal((await p.start('deny', no, '--reason', 'not today').ended).code, 0);
  await worker.said(/job finished/);
  await worker.said(/job failed/);
  assert.equal((await status(p, yes))['state'], 'succeeded');
  const denied = await status(p, no);
  assert.deepEqual([denied['state'], denied['reason']], ['dead', 'policy_violation']);
  assert.match(JSON.stringify(denied['error']), /denied the job: not today/);
  const again = await p.start('approve', yes).ended;
  assert.equal(again.code, 2);
  assert.match(again.err, /No job .* waits for approval.*None does/);
  worker.child.kill('SIGTERM');
  await worker.ended;
});

test('a command outside the allow-list is refused before anything runs, with the line to add', async (t) => {
  const p = await place(t, [
    { name: 'first', run: ['touch', 'ran'] },
    { name: 'second', run: ['curl', 'example.com'] },
  ]);
  const rules = '[types."code.build.test"]\ncommands = [["touch", "*"]]\n';
  writeFileSync(join(p.dir, 'cogo-work.toml'), rules);
  const jobId = await p.world.enqueue({ payload: { repo_path: p.repo } });
  assert.equal((await p.start('run', '--once', '--allow-repo', p.repo).ended).code, 0);
  const job = await status(p, jobId);
  assert.deepEqual([job['state'], job['reason']], ['dead', 'policy_violation']);
  assert.match(JSON.stringify(job['error']), /add \[\\"curl\\",\\"example\.com\\"\] to commands under/);
});

test('a mistake in cogo-work.toml stops the worker with the line', async (t) => {
  const p = await place(t, []);
  writeFileSync(join(p.dir, 'cogo-work.toml'), 'executor = "x"\nslot = 2\n');
  const { code, err } = await p.start('run', '--once').ended;
  assert.equal(code, 2);
  assert.match(err, /cogo-work\.toml:2: slot is not known here\. Known are: /);
});

test('what a worker killed by SIGKILL left is gone after the next start', async (t) => {
  const p = await place(t, [{ name: 'test', run: 'sleep 1000' }]);
  const jobId = await p.world.enqueue({ payload: { repo_path: p.repo } });
  const killed = p.start('run', '--allow-repo', p.repo);
  await killed.said(/job started/);
  const work = join(p.env.COGO_DATA, 'work');
  const [left] = readdirSync(work);
  killed.child.kill('SIGKILL');
  await killed.ended;
  assert.ok(existsSync(join(work, left!)));
  await p.world.cancel(jobId);
  await p.world.expire(jobId);
  const { code, err } = await p.start('run', '--once').ended;
  assert.equal(code, 0, err);
  assert.match(err, /removed what a worker that was killed had left/);
  assert.deepEqual(readdirSync(work), []);
});
