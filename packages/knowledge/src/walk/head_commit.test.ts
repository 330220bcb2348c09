import assert from 'node:assert/strict';
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { tempRepo } from '../testing.ts';
import { headCommit } from './head_commit.ts';

test('the commit is read as git says it: on a branch, packed, detached, in a folder and in a linked worktree', async (t) => {
  const repo = tempRepo({ 'a/x.ts': '' });
  t.after(repo.remove);
  const root = realpathSync(repo.root);
  assert.equal(await headCommit(root), undefined, 'no repository');
  repo.track();
  assert.equal(await headCommit(root), '', 'no commit yet');
  repo.git('-c', 'user.name=t', '-c', 'user.email=t@t', 'commit', '-qm', 'one');
  const commit = repo.git('rev-parse', 'HEAD').trim();
  assert.equal(await headCommit(root), commit);
  assert.equal(await headCommit(join(root, 'a')), commit);
  repo.git('worktree', 'add', '-q', join(root, 'linked'), '-b', 'other');
  assert.equal(await headCommit(join(root, 'linked')), commit);
  repo.git('pack-refs', '--all');
  assert.equal(await headCommit(root), commit);
  assert.equal(await headCommit(join(root, 'linked')), commit);
  repo.git('checkout', '-q', '--detach');
  assert.equal(await headCommit(root), commit);
});
