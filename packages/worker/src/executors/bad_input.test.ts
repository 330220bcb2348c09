import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { bubblewrap, none, temporaryFolder } from '../sandbox/testing.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { writeArtifacts } from '../artifacts.ts';
import { gitIn, repositoryOfCommits, writeFiles } from './bench_testing.ts';
import { buildTestExecutor } from './build_test.ts';
import type { BuildTestResult } from './build_test_report.ts';
import type { Outcome } from './executor.ts';
import { claimedJob, jobContext } from './testing.ts';

const sandbox: Sandbox = bubblewrap.sandbox ?? none;
const JOB = claimedJob();

function executorIn(dir: string, repo: string, maxWorkspaceBytes?: number) {
  return buildTestExecutor({
    sandbox,
    allowRepos: [repo],
    defaultRepo: repo,
    scratchDir: join(dir, 'work'),
    artifactsDir: join(dir, 'artifacts'),
    ...(maxWorkspaceBytes ? { maxWorkspaceBytes } : {}),
  });
}

function finished(outcome: Outcome): BuildTestResult {
  if (outcome.kind !== 'finished') assert.fail(`the job failed: ${JSON.stringify(outcome.error)}`);
  return outcome.result as BuildTestResult;
}

const run = (name: string, run: unknown) => ({ commands: [{ name, run }] });

test('output that is not UTF-8 stays byte for byte in the log, and is shown replaced in the result', async (t) => {
  const { repo, dir } = repositoryOfCommits(t, { a: '' });
  const bytes = String.raw`printf 'a\377\376\000\200z'`;
  const outcome = await executorIn(dir, repo).run({ ...JOB, payload: run('build', bytes) }, jobContext());
  const result = finished(outcome);
  assert.equal(result.steps[0]!.stdout_tail, 'a\ufffd\ufffd\u2400\ufffdz');
  assert.equal(result.steps[0]!.invalid_utf8, true);
  const log = result.artifacts.find((artifact) => artifact.name === 'build-test/build.log')!;
  const kept = readFileSync(join(dir, 'artifacts', log.path));
  assert.ok(kept.includes(Buffer.from([0x61, 0xff, 0xfe, 0x00, 0x80, 0x7a])), kept.toString('latin1'));
  assert.equal(kept.length, log.size);
  assert.doesNotThrow(() => JSON.parse(JSON.stringify(result)));
});

test('an exit by signal has its name in a field of its own', async (t) => {
  const { repo, dir } = repositoryOfCommits(t, { a: '' });
  const outcome = await executorIn(dir, repo).run(
    { ...JOB, payload: run('x', 'kill -SEGV $$') },
    jobContext(),
  );
  const { steps, exit_code } = finished(outcome);
  assert.deepEqual([steps[0]!.signal, steps[0]!.exit_code, exit_code], ['SIGSEGV', null, 139]);
});

test('a repository whose path has spaces, quotes and letters of any script is built', async (t) => {
  const dir = temporaryFolder(t);
  const repo = join(dir, `a "b" 'c' $(d) 빌드 é`);
  writeFiles(repo, { 'x y/ü.txt': 'there', [`q'"$.txt`]: 'too' });
  gitIn(repo, 'init', '-q');
  gitIn(repo, 'add', '-A');
  const data = join(dir, `work '"$ ü`);
  const payload = run('x', [
    process.execPath,
    '-e',
    'console.log(require("fs").readdirSync(".").sort().join("|"), require("fs").readFileSync("x y/ü.txt", "utf8"))',
  ]);
  const outcome = await executorIn(data, repo).run({ ...JOB, payload }, jobContext());
  assert.equal(finished(outcome).steps[0]!.stdout_tail, `q'"$.txt|x y there\n`, JSON.stringify(outcome));
  assert.deepEqual(readdirSync(join(data, 'work')), []);
});

test('a repository without commits is built as it is', async (t) => {
  const dir = temporaryFolder(t);
  const repo = join(dir, 'repo');
  writeFiles(repo, { 'a.js': '1;' });
  gitIn(repo, 'init', '-q');
  for (const staged of [false, true]) {
    if (staged) gitIn(repo, 'add', '-A');
    const outcome = await executorIn(dir, repo).run({ ...JOB, payload: run('x', 'ls') }, jobContext());
    const { workspace, steps } = finished(outcome);
    assert.deepEqual([workspace.commit, workspace.files, steps[0]!.stdout_tail], [null, 1, 'a.js\n']);
  }
  const asked = { ...run('x', 'ls'), ref: 'HEAD' };
  const outcome = await executorIn(dir, repo).run({ ...JOB, payload: asked }, jobContext());
  assert.match(outcome.kind === 'failed' ? outcome.error.message : '', /has no commit "HEAD"/);
});

test('submodules and Git LFS pointers are not in the copy, and the result says so', async (t) => {
  const inner = repositoryOfCommits(t, { 'in.txt': 'inner' });
  const { repo, dir } = repositoryOfCommits(t, {
    'big.bin': 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n',
    'a.txt': 'a',
  });
  gitIn(repo, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', inner.repo, 'lib/inner');
  gitIn(repo, 'commit', '-q', '-m', 'submodule');
  for (const ref of [null, 'main']) {
    const payload = { ...run('x', 'cat a.txt'), ...(ref ? { ref } : {}) };
    const outcome = await executorIn(dir, repo).run({ ...JOB, payload }, jobContext());
    const { workspace, state } = finished(outcome);
    assert.equal(state, 'succeeded');
    assert.deepEqual(workspace.warnings, [
      '1 submodules are empty: lib/inner',
      '1 files are Git LFS pointers, not their content: big.bin',
    ]);
  }
});

test('a ref is built as it was committed, whatever the working tree holds; filters do not run', async (t) => {
  const { repo, dir, commits } = repositoryOfCommits(
    t,
    { 'a.txt': 'first', '.gitattributes': '*.txt filter=own\n' },
    { 'a.txt': 'second' },
  );
  gitIn(repo, 'config', 'filter.own.smudge', `sh -c "cat; touch ${join(dir, 'ran')}"`);
  gitIn(repo, 'config', 'filter.own.clean', 'cat');
  writeFiles(repo, { 'a.txt': 'changed' });
  const before = gitIn(repo, 'status', '--porcelain');
  const of = async (ref: string) => {
    const payload = { ...run('x', 'cat a.txt'), ref };
    const outcome = await executorIn(dir, repo).run({ ...JOB, payload }, jobContext());
    if (outcome.kind === 'failed') return [outcome.error.code, outcome.error.reason, outcome.error.message];
    const { workspace, steps } = finished(outcome);
    return [steps[0]!.stdout_tail, workspace.commit, workspace.dirty];
  };
  assert.deepEqual(await of('main'), ['second', commits[1], false]);
  assert.deepEqual(await of(commits[0]!.slice(0, 10)), ['first', commits[0], false]);
  for (const ref of ['no-such-branch', '--output=/tmp/x', 'HEAD~99', 'main:a.txt', "';x"]) {
    const [code, reason, message] = await of(ref);
    assert.deepEqual([code, reason], ['not_found', 'validation_failed'], ref);
    assert.match(String(message), /has no commit/);
  }
  assert.equal(gitIn(repo, 'status', '--porcelain'), before);
  assert.deepEqual(
    readdirSync(dir).filter((name) => name === 'ran'),
    [],
  );
});

test('a repository or a file that is too large is refused before anything runs', async (t) => {
  const { repo, dir } = repositoryOfCommits(t, { 'huge.bin': Buffer.alloc(3_000_000), 'a.txt': 'a' });
  for (const ref of [null, 'main']) {
    const payload = { ...run('x', 'true'), ...(ref ? { ref } : {}) };
    const outcome = await executorIn(dir, repo, 1_000_000).run({ ...JOB, payload }, jobContext());
    assert.ok(outcome.kind === 'failed');
    assert.deepEqual([outcome.error.code, outcome.error.reason], ['payload_too_large', 'validation_failed']);
  }
});

test('a package manager that is missing is a reason with its name', async (t) => {
  const { repo, dir } = repositoryOfCommits(t, { a: '' });
  const outcome = await executorIn(dir, repo).run(
    { ...JOB, payload: run('x', ['no-such-package-manager', 'install']) },
    jobContext(),
  );
  const [step] = finished(outcome).steps;
  assert.equal(step!.reason, 'command_not_found');
  assert.match(step!.detail!, /no-such-package-manager/);
});

test('a step reaches the hosts that its type’s policy lists, and no step does without', {
  skip: bubblewrap.skip,
}, async (t) => {
  const { repo, dir } = repositoryOfCommits(t, { a: '' });
  const server = createServer((_incoming, answer) => answer.end('reached'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const host = `localhost:${(server.address() as AddressInfo).port}`;
  const ask = `const p = new URL(process.env.HTTP_PROXY ?? 'http://127.0.0.1:9');
    require('http').get({ host: p.hostname, port: p.port, path: 'http://${host}/' }, (r) => r.pipe(process.stdout)).on('error', (e) => console.log(e.code));`;
  const of = async (network: 'none' | string[]) => {
    const policy = { commands: 'any' as const, network, approve: 'auto' as const };
    const payload = run('x', [process.execPath, '-e', ask]);
    return finished(await executorIn(dir, repo).run({ ...JOB, payload }, jobContext({ policy }))).steps[0]!;
  };
  assert.equal((await of([host])).stdout_tail, 'reached');
  assert.equal((await of('none')).stdout_tail, 'ECONNREFUSED\n');
  const other = await of(['registry.test']);
  assert.match(other.stdout_tail, /does not list/);
  assert.deepEqual(other.attempts, [{ kind: 'network', detail: `${host}: not listed`, count: 1 }]);
});

test('an artifact has a plain name and lies in its own folder, which is no link', async (t) => {
  const root = temporaryFolder(t);
  const attempt = { jobId: 'job-1', attempt: 1 };
  for (const name of ['../x', 'a/b', '..', '.', '', '/etc/x', 'a\0b', '.hidden', 'a\nb']) {
    await assert.rejects(
      writeArtifacts(root, attempt, 'set', { [name]: 'x' }),
      /plain/,
      JSON.stringify(name),
    );
  }
  await assert.rejects(writeArtifacts(root, attempt, '../set', { a: 'x' }), /plain/);
  await assert.rejects(writeArtifacts(root, { jobId: '../..', attempt: 1 }, 'set', { a: 'x' }), /plain/);
  // A link where the file shall be is replaced, not followed.
  const outside = temporaryFolder(t);
  mkdirSync(join(root, 'jobs/job-1/1/set'), { recursive: true });
  symlinkSync(join(outside, 'target'), join(root, 'jobs/job-1/1/set/a.log'));
  await writeArtifacts(root, attempt, 'set', { 'a.log': 'mine' });
  assert.deepEqual(readdirSync(outside), []);
  assert.equal(readFileSync(join(root, 'jobs/job-1/1/set/a.log'), 'utf8'), 'mine');
  // A link where the folder shall be is refused.
  rmSync(join(root, 'jobs/job-1'), { recursive: true });
  symlinkSync(outside, join(root, 'jobs/job-1'));
  await assert.rejects(writeArtifacts(root, attempt, 'set', { a: 'x' }), /link/);
  assert.deepEqual(readdirSync(outside), []);
});
