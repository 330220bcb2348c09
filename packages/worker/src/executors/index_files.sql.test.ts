import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { indexJobResult } from '@cogo/spec/job_results.ts';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';
import { sqlWorld } from '../client/sql_world.ts';
import { temporaryFolder } from '../sandbox/testing.ts';
import { gitIn, repositoryOfCommits, writeFiles } from './bench_testing.ts';
import type { Outcome } from './executor.ts';
import { indexExecutors } from './index_files.ts';
import { claimedJob, jobContext } from './testing.ts';

let db: TestDatabase;
before(async () => {
  db = await openTestDatabase();
});
after(() => db.close());

/** Executors that speak to the project with a worker's token and nothing else. */
async function setUp(repo: string, allowRepos = [repo]) {
  const { worker, service, project } = await sqlWorld(db);
  const executors = indexExecutors({ rpc: worker, allowRepos, defaultRepo: repo });
  return {
    index: (type: string, payload: unknown, o: Parameters<typeof jobContext>[0] = {}) =>
      executors
        .find((executor) => executor.type === type)!
        .run(claimedJob({ type, payload, projectId: project }), jobContext(o)),
    paths: async () => {
      const got = await service.call<{ path: string }[]>('index_files', {
        project_id: project,
        repo: 'repo',
      });
      assert.ok(got.ok);
      return got.value.map((file) => file.path).sort();
    },
  };
}

function counts(outcome: Outcome) {
  if (outcome.kind !== 'finished') assert.fail(JSON.stringify(outcome.error));
  const { added, changed, deleted, unchanged } = indexJobResult.parse(outcome.result);
  return { added, changed, deleted, unchanged };
}

test('a repository is indexed with the token of a worker, a second time only what changed', async (t) => {
  const { repo, commits } = repositoryOfCommits(t, {
    'a.ts': 'export const a = 1;\n',
    'b.md': '# b\n\ntext\n',
    'c.ts': 'export const c = 1;\n',
  });
  const { index, paths } = await setUp(repo);
  const progress: Record<string, unknown>[] = [];
  const first = await index('index.repo', {}, { progress: (p) => void progress.push(p) });
  assert.deepEqual(counts(first), { added: 3, changed: 0, deleted: 0, unchanged: 0 });
  assert.equal(first.kind === 'finished' && (first.result as { commit: string }).commit, commits[0]);
  assert.deepEqual([...new Set(progress.map((p) => p['phase']))], ['walk', 'read', 'publish']);
  assert.deepEqual([progress.at(-1)!['done'], progress.at(-1)!['of']], [3, 3]);
  writeFiles(repo, { 'a.ts': 'export const a = 2;\n' });
  gitIn(repo, 'rm', '-q', 'c.ts');
  const second = await index('index.repo', {});
  assert.deepEqual(counts(second), { added: 0, changed: 1, deleted: 1, unchanged: 1 });
  assert.deepEqual(await paths(), ['a.ts', 'b.md']);
});

test('single files are brought up to date and all others stay as they were', async (t) => {
  const { repo } = repositoryOfCommits(t, {
    'a.ts': 'export const a = 1;\n',
    'b.ts': 'export const b = 1;\n',
    'c.ts': 'export const c = 1;\n',
  });
  const { index, paths } = await setUp(repo);
  await index('index.repo', {});
  writeFiles(repo, {
    'a.ts': 'export const a = 2;\n',
    'b.ts': 'export const b = 2;\n',
    'd.ts': 'export const d = 1;\n',
  });
  rmSync(join(repo, 'c.ts'));
  const got = await index('index.file', { paths: ['a.ts', 'c.ts', 'd.ts', 'never.ts'], untracked: true });
  assert.deepEqual(counts(got), { added: 1, changed: 1, deleted: 1, unchanged: 0 });
  assert.deepEqual(await paths(), ['a.ts', 'b.ts', 'd.ts']);
  // b.ts was not named: its change is still to come.
  assert.deepEqual(counts(await index('index.repo', { untracked: true })), {
    added: 0,
    changed: 1,
    deleted: 0,
    unchanged: 2,
  });
});

test('a job that is stopped leaves the index as it was', async (t) => {
  const files = Object.fromEntries(
    Array.from({ length: 30 }, (_, i) => [`f${i}.ts`, `export const v = ${i};\n`]),
  );
  const { repo } = repositoryOfCommits(t, files);
  const { index, paths } = await setUp(repo);
  const stop = new AbortController();
  const outcome = await index(
    'index.repo',
    {},
    {
      signal: stop.signal,
      progress: (p) => p['done'] === 3 && stop.abort('cancel'),
    },
  );
  assert.equal(outcome.kind, 'failed');
  assert.deepEqual(await paths(), []);
});

test('what cannot be indexed is refused with its reason', async (t) => {
  const { repo } = repositoryOfCommits(t, { 'a.ts': '1;' });
  const other = temporaryFolder(t);
  const { index } = await setUp(repo);
  const table: [string, unknown, string, string][] = [
    ['index.repo', { repo_path: other }, 'forbidden', 'policy_violation'],
    ['index.repo', { repo_path: join(other, 'none') }, 'not_found', 'validation_failed'],
    ['index.repo', 'text', 'validation_failed', 'validation_failed'],
    ['index.repo', { repo: 7 }, 'validation_failed', 'validation_failed'],
    ['index.repo', { unknown: 1 }, 'validation_failed', 'validation_failed'],
    ['index.file', {}, 'validation_failed', 'validation_failed'],
    ['index.file', { paths: ['../../etc/passwd'] }, 'validation_failed', 'validation_failed'],
    ['index.file', { paths: ['/etc/passwd'] }, 'validation_failed', 'validation_failed'],
  ];
  for (const [type, payload, code, reason] of table) {
    const outcome = await index(type, payload);
    assert.ok(outcome.kind === 'failed', JSON.stringify(payload));
    assert.deepEqual([outcome.error.code, outcome.error.reason, outcome.retryable], [code, reason, false]);
  }
});
