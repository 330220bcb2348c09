import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { type TempRepo, tempRepo } from '../testing.ts';
import { indexEntries, trackedFiles } from './git_index.ts';

const FILES = {
  'a.ts': '1',
  'lib/한글.ts': '2',
  'lib/long/name/of/a/file.ts': '3',
  'lib/long/name/of/another.ts': '4',
  'lib.ts': '5',
  'z"quoted\t.ts': '6',
};

test('the files git tracks are read as git lists them, in each version of its index', async (t) => {
  const repo = trackedRepo(t);
  symlinkSync('a.ts', join(repo.root, 'link.ts'));
  repo.track();
  for (const version of ['2', '4', '2']) {
    repo.git('update-index', '--index-version', version);
    assert.equal(indexFile(repo).readUInt32BE(4), Number(version));
    await assertAsGit(repo.root);
    await assertAsGit(join(repo.root, 'lib'));
  }
  // what is only to be added has flags that version 2 has no room for
  repo.write('later.ts', '');
  repo.git('add', '-N', 'later.ts');
  assert.equal(indexFile(repo).readUInt32BE(4), 3);
  await assertAsGit(repo.root);
});

test('many files of names of every length are read, with paths folded by long common beginnings', async (t) => {
  const repo = tempRepo();
  t.after(repo.remove);
  for (let nth = 0; nth < 40; nth += 1) {
    repo.write(`${'deep/'.repeat(40)}${'x'.repeat(nth + 1)}.ts`, '');
    repo.write(`top${'y'.repeat(nth)}.ts`, '');
  }
  repo.track();
  await assertAsGit(repo.root);
  repo.git('update-index', '--index-version', '4');
  await assertAsGit(repo.root);
});

test('a linked worktree, a merge in conflict and a repository without files are read as git lists them', async (t) => {
  const empty = tempRepo();
  t.after(empty.remove);
  empty.git('init', '-q');
  assert.deepEqual(await trackedFiles(realpathSync(empty.root)), []);

  const repo = trackedRepo(t);
  commit(repo, 'one');
  repo.git('worktree', 'add', '-q', join(repo.root, 'linked'), '-b', 'other');
  await assertAsGit(join(repo.root, 'linked'));
  repo.write('a.ts', 'ours');
  commit(repo, 'two');
  repo.git('checkout', '-q', '-b', 'third', 'HEAD~1');
  repo.write('a.ts', 'theirs');
  commit(repo, 'three');
  assert.throws(() => repo.git(...AUTHOR, 'merge', '-q', 'HEAD@{2}'));
  assert.equal(
    (await trackedFiles(realpathSync(repo.root)))!.filter(({ path }) => path === 'a.ts').length,
    3,
  );
  await assertAsGit(repo.root);
});

test('git is left to say what its index alone does not: split, sparse, a work tree elsewhere, SHA-256', async (t) => {
  const split = trackedRepo(t);
  split.git('update-index', '--split-index');
  assert.equal(await trackedFiles(realpathSync(split.root)), undefined);

  const sparse = trackedRepo(t);
  commit(sparse, 'one');
  sparse.git('sparse-checkout', 'set', '--cone', '--sparse-index', 'lib/long/name');
  assert.equal(await trackedFiles(realpathSync(sparse.root)), undefined);
  assert.equal(indexEntries(indexFile(sparse)), undefined, 'whatever the settings are');

  const elsewhere = trackedRepo(t);
  elsewhere.git('config', 'core.worktree', '../lib');
  assert.equal(await trackedFiles(realpathSync(elsewhere.root)), undefined);

  const other = tempRepo(FILES);
  t.after(other.remove);
  other.git('init', '-q', '--object-format=sha256');
  other.git('add', '-A');
  assert.equal(await trackedFiles(realpathSync(other.root)), undefined);

  const none = tempRepo(FILES);
  t.after(none.remove);
  assert.equal(await trackedFiles(realpathSync(none.root)), undefined);
});

test('a damaged or shortened index is not believed, one without its hash is', async (t) => {
  const repo = trackedRepo(t);
  const index = indexFile(repo);
  const file = join(repo.root, '.git/index');
  for (const at of [0, 5, 11, 40, index.length >> 1, index.length - 1]) {
    const damaged = Buffer.from(index);
    damaged[at]! ^= 1;
    writeFileSync(file, damaged);
    assert.equal(await trackedFiles(realpathSync(repo.root)), undefined, `byte ${at}`);
  }
  for (const length of [0, 8, 31, index.length >> 1, index.length - 1]) {
    writeFileSync(file, index.subarray(0, length));
    assert.equal(await trackedFiles(realpathSync(repo.root)), undefined, `${length} bytes`);
  }
  writeFileSync(file, Buffer.from(index).fill(0, index.length - 20));
  await assertAsGit(repo.root);
});

const AUTHOR = ['-c', 'user.name=t', '-c', 'user.email=t@t'];

function trackedRepo(t: TestContext): TempRepo {
  const repo = tempRepo(FILES);
  t.after(repo.remove);
  repo.track();
  return repo;
}

function commit(repo: TempRepo, message: string): void {
  repo.git('add', '-A', '--', ':!linked');
  repo.git(...AUTHOR, 'commit', '-qm', message);
}

function indexFile(repo: TempRepo): Buffer {
  return readFileSync(join(repo.root, '.git/index'));
}

async function assertAsGit(folder: string): Promise<void> {
  const root = realpathSync(folder);
  const listed = execFileSync('git', ['ls-files', '-z', '--stage'], { cwd: root, encoding: 'utf8' });
  const expected = listed
    .split('\0')
    .filter((one) => one !== '')
    .map((one) => ({ mode: one.slice(0, 6), path: one.slice(one.indexOf('\t') + 1) }));
  assert.notEqual(expected.length, 0);
  assert.deepEqual(await trackedFiles(root), expected);
}
