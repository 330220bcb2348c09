import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { debugJobResult, type DebugJobResult } from '@cogo/spec/job_results.ts';
import { bubblewrap, none } from '../sandbox/testing.ts';
import { gitIn, repositoryOfCommits } from './bench_testing.ts';
import { debugExecutor } from './debug.ts';
import type { Outcome } from './executor.ts';
import { claimedJob, jobContext } from './testing.ts';

const sandbox = bubblewrap.sandbox ?? none;

function debug(dir: string, repo: string, payload: unknown, o: Parameters<typeof jobContext>[0] = {}) {
  const executor = debugExecutor({
    sandbox,
    allowRepos: [repo],
    defaultRepo: repo,
    scratchDir: join(dir, 'work'),
    artifactsDir: join(dir, 'artifacts'),
  });
  return executor.run(claimedJob({ type: 'code.debug', payload }), jobContext(o));
}

function finished(outcome: Outcome): DebugJobResult {
  if (outcome.kind !== 'finished') assert.fail(JSON.stringify(outcome.error));
  return debugJobResult.parse(outcome.result);
}

const FAILING = {
  'a.test.mjs': `import { test } from 'node:test';
import assert from 'node:assert';
test('adds', () => { assert.equal(1, 2, 'one is not two'); });
test('other', () => { throw new Error('other'); });
`,
};

test('a failing command gives the places where it fails, and its output as an artifact', async (t) => {
  const { repo, dir, commits } = repositoryOfCommits(t, FAILING);
  const result = finished(
    await debug(dir, repo, { command: ['node', '--test', 'a.test.mjs'], test_filter: 'adds' }),
  );
  assert.deepEqual(
    [result.state, result.exit_code, result.tool, result.frames_total],
    ['reproduced', 1, 'node:test', 1],
  );
  const { file, line, message, test: name } = result.frames[0]!;
  assert.deepEqual([file, line], ['a.test.mjs', 3]);
  assert.match(message, /one is not two/);
  assert.match(name!, /adds$/);
  assert.equal(result.workspace['commit'], commits[0]);
  assert.deepEqual(
    result.artifacts.map((each) => each.name),
    ['debug/report.json', 'debug/debug.log'],
  );
  assert.match(readFileSync(join(dir, 'artifacts', result.artifacts[1]!.path), 'utf8'), /one is not two/);
});

test('a command that does not fail is a result: not reproduced', async (t) => {
  const { repo, dir } = repositoryOfCommits(t, FAILING);
  const result = finished(await debug(dir, repo, { command: 'true' }));
  assert.deepEqual(
    [result.state, result.exit_code, result.frames, result.bisect],
    ['not_reproduced', 0, [], null],
  );
});

const value = (n: number) => ({ 'v.js': `process.exit(${n} > 5 ? 1 : 0)\n`, 'n.txt': String(n) });

test('a bisection names the first bad commit and tells its steps as they come', async (t) => {
  const { repo, dir, commits } = repositoryOfCommits(t, ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map(value));
  const progress: Record<string, unknown>[] = [];
  const result = finished(
    await debug(
      dir,
      repo,
      { command: ['node', 'v.js'], bisect: { good: commits[0], bad: 'main' } },
      { progress: (p) => void progress.push(p) },
    ),
  );
  assert.equal(result.state, 'reproduced');
  assert.deepEqual(
    { ...result.bisect, steps: 0 },
    { state: 'found', first_bad: commits[5], subject: 'commit 5', steps: 0, detail: null },
  );
  assert.ok(result.bisect!.steps >= 2);
  assert.ok(progress.some((p) => p['phase'] === 'bisect' && Number(p['done']) > 0));
  // The repository itself is not in a bisection.
  assert.equal(gitIn(repo, 'status', '--porcelain'), '');
  assert.equal(gitIn(repo, 'symbolic-ref', 'HEAD'), 'refs/heads/main');
});

test('a bisection whose ends do not differ says which one is wrong', async (t) => {
  const { repo, dir, commits } = repositoryOfCommits(t, ...[6, 7, 8].map(value));
  const of = async (command: string[]) =>
    finished(await debug(dir, repo, { command, bisect: { good: commits[0] } })).bisect!;
  const never = await of(['node', 'v.js']);
  assert.deepEqual(
    [never.state, never.detail],
    ['not_found', 'the command fails on the good commit as well'],
  );
  const always = await of(['true']);
  assert.deepEqual([always.state, always.detail], ['not_found', 'the command succeeds on the bad commit']);
});

test('a job that cannot be done is refused with its reason', async (t) => {
  const { repo, dir, commits } = repositoryOfCommits(t, value(1), value(9));
  const table: [unknown, string, string, RegExp][] = [
    [{}, 'validation_failed', 'validation_failed', /command/],
    [{ command: [] }, 'validation_failed', 'validation_failed', /command/],
    [{ command: ['a\0'] }, 'validation_failed', 'validation_failed', /NUL/],
    [{ command: 'node --test', test_filter: 'x' }, 'validation_failed', 'validation_failed', /test_filter/],
    [{ command: ['x'], ref: 'no-such' }, 'not_found', 'validation_failed', /no commit "no-such"/],
    [{ command: ['x'], bisect: { good: 'none' } }, 'not_found', 'validation_failed', /no commit "none"/],
    [
      { command: ['x'], bisect: { good: 'main', bad: commits[0] } },
      'validation_failed',
      'validation_failed',
      /ancestor/,
    ],
    [{ command: ['x'], cwd: '../x' }, 'validation_failed', 'validation_failed', /inside the repository/],
    [{ command: ['x'], repo_path: dir }, 'forbidden', 'policy_violation', /allow/],
    [{ command: ['x'], surprise: 1 }, 'validation_failed', 'validation_failed', /surprise/],
  ];
  for (const [payload, code, reason, message] of table) {
    const outcome = await debug(dir, repo, payload);
    assert.ok(outcome.kind === 'failed', JSON.stringify(payload));
    assert.deepEqual([outcome.error.code, outcome.error.reason, outcome.retryable], [code, reason, false]);
    assert.match(outcome.error.message, message);
  }
});

test('a command outside the allow-list is refused before anything runs', async (t) => {
  const { repo, dir } = repositoryOfCommits(t, value(1));
  const policy = {
    commands: [['node', '--test', '...']],
    network: 'none' as const,
    approve: 'auto' as const,
  };
  const outcome = await debug(dir, repo, { command: ['node', 'v.js'] }, { policy });
  assert.ok(outcome.kind === 'failed');
  assert.deepEqual([outcome.error.code, outcome.error.reason], ['forbidden', 'policy_violation']);
  assert.match(outcome.error.message, /\["node","v\.js"\]/);
});

test('a stop ends a running command at once', async (t) => {
  const { repo, dir } = repositoryOfCommits(t, value(1));
  const stop = new AbortController();
  const outcome = await debug(
    dir,
    repo,
    { command: 'echo started; sleep 1000' },
    { signal: stop.signal, say: (text) => text.includes('started') && stop.abort('cancel') },
  );
  assert.ok(outcome.kind === 'failed' && outcome.error.code === 'aborted');
});
