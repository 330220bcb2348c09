import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { none, temporaryFolder } from '../sandbox/testing.ts';
import { copyTree, shareDependencies } from './copy.ts';
import { allowedRepository, sourceTree, within } from './repository.ts';

function put(root: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

function git(root: string, ...args: string[]): void {
  execFileSync('git', ['-C', root, '-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], {
    stdio: 'ignore',
  });
}

function repository(t: TestContext, files: Record<string, string>): string {
  const root = join(temporaryFolder(t), 'repo');
  mkdirSync(root);
  git(root, 'init', '-q');
  put(root, files);
  git(root, 'add', '-A');
  git(root, 'commit', '-q', '-m', 'first');
  return root;
}

async function copy(t: TestContext, root: string, maxBytes = 1e9) {
  const tree = await sourceTree(root);
  assert.ok(tree.ok);
  const to = join(temporaryFolder(t), 'copy');
  const report = await copyTree(tree.value, to, maxBytes);
  return { tree: tree.value, to, report };
}

test('a copy holds the tracked files as they are in the working tree', async (t) => {
  const root = repository(t, {
    'a.txt': 'one',
    'src/한글 🙂.ts': 'export {}',
    '.gitignore': 'ignored\n',
    'run.sh': '#!/bin/sh\n',
  });
  chmodSync(join(root, 'run.sh'), 0o755);
  git(root, 'commit', '-qam', 'mode');
  put(root, { 'a.txt': 'changed', ignored: 'x', 'untracked.txt': 'x' });
  const { tree, to, report } = await copy(t, root);
  assert.ok(report.ok);
  assert.equal(readFileSync(join(to, 'a.txt'), 'utf8'), 'changed');
  assert.equal(readFileSync(join(to, 'src/한글 🙂.ts'), 'utf8'), 'export {}');
  assert.equal(statSync(join(to, 'run.sh')).mode & 0o111, 0o111);
  for (const name of ['ignored', 'untracked.txt', '.git'])
    assert.equal(existsSync(join(to, name)), false, name);
  assert.equal(tree.dirty, true);
  assert.match(tree.commit!, /^[0-9a-f]{40}$/);
  assert.deepEqual(report.value.leftOut, []);
});

test('a clean repository is not dirty, and a deleted file is left out and named', async (t) => {
  const root = repository(t, { 'a.txt': 'one', 'b.txt': 'two' });
  assert.equal((await copy(t, root)).tree.dirty, false);
  rmSync(join(root, 'b.txt'));
  const { report } = await copy(t, root);
  assert.deepEqual(report.ok && report.value.leftOut, [{ path: 'b.txt', why: 'not in the working tree' }]);
});

test('links are copied as links, a loop of links included', async (t) => {
  const root = repository(t, { 'a.txt': 'one' });
  symlinkSync('a.txt', join(root, 'link'));
  symlinkSync('.', join(root, 'loop'));
  symlinkSync('/etc/hostname', join(root, 'out'));
  git(root, 'add', '-A');
  const { to, report } = await copy(t, root);
  assert.ok(report.ok);
  assert.equal(readlinkSync(join(to, 'link')), 'a.txt');
  assert.equal(readlinkSync(join(to, 'loop')), '.');
  assert.ok(lstatSync(join(to, 'out')).isSymbolicLink());
});

test('a tracked file behind a folder that became a link out of the repository is not read', async (t) => {
  const root = repository(t, { 'sub/secret.txt': 'harmless' });
  const outside = temporaryFolder(t);
  put(outside, { 'secret.txt': 'SECRET' });
  rmSync(join(root, 'sub'), { recursive: true });
  symlinkSync(outside, join(root, 'sub'));
  const { to, report } = await copy(t, root);
  assert.ok(report.ok);
  assert.equal(report.value.leftOut[0]?.why, 'behind a link that leaves the repository');
  assert.equal(existsSync(join(to, 'sub', 'secret.txt')), false);
});

test('a repository beyond the size limit is refused', async (t) => {
  const root = repository(t, { 'big.bin': 'x'.repeat(5000) });
  const { report } = await copy(t, root, 1000);
  assert.equal(!report.ok && report.error.code, 'payload_too_large');
});

test('a folder that is no git repository is copied without its dependencies', async (t) => {
  const root = temporaryFolder(t);
  put(root, { 'a.ts': '1', 'node_modules/dep/index.js': 'x', 'sub/b.ts': '2' });
  const { tree, to } = await copy(t, root);
  assert.deepEqual(tree.files, ['a.ts', 'sub/b.ts']);
  assert.equal(tree.git, false);
  assert.equal(existsSync(join(to, 'node_modules')), false);
});

test('without a sandbox, dependencies are linked and packages of the repository itself lead into the copy', async (t) => {
  const root = repository(t, {
    'package.json': '{}',
    'packages/one/package.json': '{}',
    'packages/one/index.js': '1',
    '.gitignore': 'node_modules\n',
  });
  put(root, { 'node_modules/dep/cli.js': 'x', 'node_modules/@scope/lib/index.js': 'x' });
  symlinkSync('../../packages/one', join(root, 'node_modules/@scope/one'));
  mkdirSync(join(root, 'node_modules/.bin'));
  symlinkSync('../dep/cli.js', join(root, 'node_modules/.bin/dep'));
  const { tree, to } = await copy(t, root);
  const workspace = { dir: to, privateDir: join(to, '..'), readOnly: [] };
  assert.deepEqual(await shareDependencies(tree, workspace, none), ['']);
  const real = (path: string) => realpathSync(join(to, 'node_modules', path));
  assert.equal(real('dep'), realpathSync(join(root, 'node_modules/dep')));
  assert.equal(real('@scope/lib'), realpathSync(join(root, 'node_modules/@scope/lib')));
  assert.equal(real('@scope/one'), realpathSync(join(to, 'packages/one')));
  assert.equal(real('.bin/dep'), realpathSync(join(root, 'node_modules/dep/cli.js')));
});

test('a repository is allowed by its real path only', async (t) => {
  const dir = temporaryFolder(t);
  put(dir, { 'mine/repo/a': '1', 'other/repo/a': '1', 'mine/file': 'x' });
  symlinkSync(join(dir, 'other/repo'), join(dir, 'mine/link'));
  const code = async (path: string, allowed: string[]) => {
    const got = await allowedRepository(path, allowed);
    return got.ok ? 'ok' : got.error.code;
  };
  const mine = [join(dir, 'mine')];
  assert.equal(await code(join(dir, 'mine/repo'), mine), 'ok');
  assert.equal(await code(join(dir, 'mine'), mine), 'ok');
  assert.equal(await code(join(dir, 'other/repo'), mine), 'forbidden');
  assert.equal(await code(join(dir, 'mine/link'), mine), 'forbidden');
  assert.equal(await code(join(dir, 'mine/../other/repo'), mine), 'forbidden');
  assert.equal(await code(join(dir, 'mine/none'), mine), 'not_found');
  assert.equal(await code(join(dir, 'mine/file'), mine), 'validation_failed');
  assert.equal(await code('relative/path', mine), 'validation_failed');
  assert.equal(await code(join(dir, 'mine/repo'), [join(dir, 'no-such-folder')]), 'forbidden');
});

test('a folder whose name begins with two dots is inside', () => {
  assert.equal(within('/a', '/a/..b'), true);
  assert.equal(within('/a', '/ab'), false);
  assert.equal(within('/a', '/'), false);
});
