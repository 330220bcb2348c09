import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { none, temporaryFolder } from '../sandbox/testing.ts';
import { allExecutors } from './all.ts';
import type { BuildTestResult } from './build_test_report.ts';
import { executorOf } from './executor.ts';
import { claimedJob, jobContext } from './testing.ts';

const RECIPES = {
  recipes: {
    'quality.format': { steps: [{ name: 'look', run: ['node', '-e', 'console.log("as it should be")'] }] },
    'quality.size': { steps: [{ name: 'weigh', run: ['node', '-e', 'process.exit(3)'] }] },
  },
};

/** Does a job of the type on a repository with the recipes above, by whichever executor the worker has for it. */
async function check(
  t: TestContext,
  type: string,
  payload: object = {},
  commands: 'any' | string[][] = 'any',
) {
  const dir = temporaryFolder(t);
  const repo = join(dir, 'repo');
  mkdirSync(repo);
  writeFileSync(join(repo, 'cogo.config.json'), JSON.stringify(RECIPES));
  const artifactsDir = join(dir, 'artifacts');
  const executors = allExecutors({
    sandbox: none,
    allowRepos: [repo],
    defaultRepo: repo,
    scratchDir: join(dir, 'work'),
    artifactsDir,
    rpc: { call: () => assert.fail('a check asks the database nothing'), close: async () => {} },
  });
  const executor = executorOf(executors, type)!;
  const context = jobContext({});
  const outcome = await executor.run(claimedJob({ type, payload }), {
    ...context,
    policy: { ...context.policy, commands },
  });
  return { outcome, artifactsDir };
}

test('a check of any name runs the recipe of its type, and leaves its report, log and summary', async (t) => {
  const { outcome, artifactsDir } = await check(t, 'quality.format');
  assert.equal(outcome.kind, 'finished', JSON.stringify(outcome));
  const result = (outcome as { result: BuildTestResult }).result;
  assert.deepEqual([result.state, result.recipe], ['succeeded', 'quality.format']);
  assert.deepEqual(
    result.artifacts.map(({ name }) => name),
    ['quality/report.json', 'quality/quality.log', 'quality/summary.json'],
  );
  const [report, log, summary] = result.artifacts.map(({ path }) =>
    readFileSync(join(artifactsDir, path), 'utf8'),
  );
  assert.equal((JSON.parse(report!) as BuildTestResult).steps[0]!.state, 'succeeded');
  assert.match(log!, /as it should be/);
  assert.equal((JSON.parse(summary!) as { state: string }).state, 'succeeded');
});

test('a check that fails is a result, and steps given with the job take the place of a recipe', async (t) => {
  const { outcome } = await check(t, 'quality.size');
  assert.equal(outcome.kind === 'finished' && (outcome.result as BuildTestResult).state, 'failed');
  const given = await check(t, 'quality.anything', {
    commands: [{ name: 'own', run: ['node', '-e', '0'] }],
  });
  assert.equal(
    given.outcome.kind === 'finished' && (given.outcome.result as BuildTestResult).state,
    'succeeded',
  );
});

test('a name that nobody knows is refused with the recipes there are', async (t) => {
  const { outcome } = await check(t, 'quality.unheard');
  assert.ok(outcome.kind === 'failed' && !outcome.retryable);
  assert.equal(outcome.error.reason, 'validation_failed');
  assert.match(
    outcome.error.message,
    /no recipe "quality\.unheard"\. It has: quality\.format, quality\.size/,
  );
});

test('a command that the owner does not list is refused', async (t) => {
  const { outcome } = await check(t, 'quality.format', {}, [['npm', '...']]);
  assert.ok(outcome.kind === 'failed' && !outcome.retryable);
  assert.equal(outcome.error.reason, 'policy_violation');
});
