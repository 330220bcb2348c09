import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { tempRepo } from '../testing.ts';
import { type WalkOptions, walkRepository } from './walk_repository.ts';

const walk = (root: string, more: Partial<WalkOptions> = {}) =>
  walkRepository({ root: realpathSync(root), ...more });
const paths = (found: { candidates: Array<{ path: string }> }) => found.candidates.map((one) => one.path);

test('of a git repository only tracked files are taken, in path order', async (t) => {
  const repo = tempRepo({ 'b.ts': '', 'a/x.ts': '', '한글 폴더/😀.md': '#', '.gitignore': 'ignored.ts\n' });
  t.after(repo.remove);
  repo.track();
  repo.write('later.ts', '');
  repo.write('ignored.ts', '');
  const found = await walk(repo.root);
  assert.equal(found.by, 'git');
  assert.deepEqual(paths(found), ['.gitignore', 'a/x.ts', 'b.ts', '한글 폴더/😀.md']);
  assert.deepEqual(paths(await walk(repo.root, { untracked: true })), [
    '.gitignore',
    'a/x.ts',
    'b.ts',
    'later.ts',
    '한글 폴더/😀.md',
  ]);
});

test('a folder inside a repository is walked by its own paths', async (t) => {
  const repo = tempRepo({ 'packages/a/x.ts': '', 'other.ts': '' });
  t.after(repo.remove);
  repo.track();
  assert.deepEqual(paths(await walk(join(repo.root, 'packages/a'))), ['x.ts']);
});

test('the commit checked out is told, and a repository without one has none', async (t) => {
  const repo = tempRepo({ 'a.ts': '' });
  t.after(repo.remove);
  repo.track();
  assert.equal((await walk(repo.root)).commit, undefined);
  repo.git('-c', 'user.name=t', '-c', 'user.email=t@example.org', 'commit', '-q', '-m', 'first');
  assert.equal((await walk(repo.root)).commit, repo.git('rev-parse', 'HEAD').trim());
});

test('outside git every .gitignore counts and vendored folders are left out', async (t) => {
  const repo = tempRepo({
    '.gitignore': '*.log\n/build/\n!keep.log\n',
    'a.ts': '',
    'x.log': '',
    'keep.log': '',
    'build/out.ts': '',
    'src/build/in.ts': '',
    'src/.gitignore': 'secret*\n',
    'src/secret.ts': '',
    'node_modules/m/index.js': '',
  });
  t.after(repo.remove);
  const found = await walk(repo.root);
  assert.equal(found.by, 'folder');
  assert.deepEqual(paths(found), ['.gitignore', 'a.ts', 'keep.log', 'src/.gitignore', 'src/build/in.ts']);
});

test('loops of symbolic links and links out of the repository are not followed', async (t) => {
  const outside = tempRepo({ 'secret.ts': 'export const secret = 1;' });
  const repo = tempRepo({ 'dir/a.ts': '' });
  t.after(repo.remove);
  t.after(outside.remove);
  symlinkSync('..', join(repo.root, 'dir/loop'));
  symlinkSync(outside.root, join(repo.root, 'out'));
  symlinkSync(join(outside.root, 'secret.ts'), join(repo.root, 'leak.ts'));
  const asFolder = await walk(repo.root);
  assert.deepEqual(paths(asFolder), ['dir/a.ts']);
  assert.deepEqual(asFolder.skipped.map((one) => `${one.path}: ${one.why}`).sort(), [
    'dir/loop: symbolic link',
    'leak.ts: symbolic link',
    'out: symbolic link',
  ]);
  repo.track();
  assert.deepEqual(paths(await walk(repo.root)), ['dir/a.ts']);
});

test('a tracked folder that became a link to elsewhere is not read through', async (t) => {
  const outside = tempRepo({ 'a.ts': 'export const stolen = 1;' });
  const repo = tempRepo({ 'dir/a.ts': '', 'b.ts': '' });
  t.after(repo.remove);
  t.after(outside.remove);
  repo.track();
  repo.delete('dir');
  symlinkSync(outside.root, join(repo.root, 'dir'));
  const found = await walk(repo.root);
  assert.deepEqual(paths(found), ['b.ts']);
  assert.deepEqual(found.skipped, [{ path: 'dir/a.ts', why: 'a symbolic link leads out of the repository' }]);
});

test('secrets, lock files, vendored, generated and binary files are skipped with a reason', async (t) => {
  const files = [
    '.env',
    '.env.local',
    'deploy/server.pem',
    '.ssh/id_rsa',
    'config/secrets.yml',
    'package-lock.json',
  ];
  files.push('vendor/x.js', 'logo.png', 'app.min.js', '.npmrc');
  const repo = tempRepo(
    Object.fromEntries([...files, '.env.example', 'src/environment.ts'].map((file) => [file, 'x'])),
  );
  t.after(repo.remove);
  repo.track();
  const found = await walk(repo.root);
  assert.deepEqual(paths(found), ['.env.example', 'src/environment.ts']);
  assert.deepEqual(found.skipped.map((one) => one.path).sort(), files.sort());
  assert.ok(found.skipped.every((one) => one.why.length > 0));
});

test('include brings vendored files back but never secrets; exclude leaves out', async (t) => {
  const repo = tempRepo({ 'vendor/a.js': '', 'vendor/.env': '', 'src/b.ts': '', 'vendor/gen/c.js': '' });
  t.after(repo.remove);
  repo.track();
  assert.deepEqual(paths(await walk(repo.root, { include: ['vendor/**'], exclude: ['**/gen/**'] })), [
    'vendor/a.js',
  ]);
  assert.deepEqual(paths(await walk(repo.root, { exclude: ['src/'] })), []);
});

test('two names of one path after Unicode normalisation are indexed once', async (t) => {
  const repo = tempRepo({ 'caf\u00e9.md': 'nfc', 'cafe\u0301.md': 'nfd' });
  t.after(repo.remove);
  const found = await walk(repo.root);
  assert.deepEqual(paths(found), ['caf\u00e9.md']);
  assert.equal(found.skipped.length, 1);
});

test('a file name that is not UTF-8 is skipped', {
  skip: process.platform !== 'linux' && 'needs a byte-name file system',
}, async (t) => {
  const repo = tempRepo({ 'ok.ts': '' });
  t.after(repo.remove);
  writeFileSync(
    Buffer.concat([Buffer.from(`${repo.root}/bad-`), Buffer.from([0xff]), Buffer.from('.ts')]),
    '',
  );
  for (const prepare of [() => {}, () => repo.track()]) {
    prepare();
    const found = await walk(repo.root);
    assert.deepEqual(paths(found), ['ok.ts']);
    assert.match(found.skipped[0]!.why, /not UTF-8/);
  }
});

test('an empty repository and an empty folder have no files', async (t) => {
  const repo = tempRepo();
  t.after(repo.remove);
  assert.deepEqual(paths(await walk(repo.root)), []);
  execFileSync('git', ['init', '-q'], { cwd: repo.root });
  mkdirSync(join(repo.root, 'empty'));
  assert.deepEqual(paths(await walk(repo.root)), []);
});

test('listing files executes nothing the repository configures', async (t) => {
  const repo = tempRepo({ 'a.ts': '' });
  t.after(repo.remove);
  repo.track();
  repo.git('config', 'core.fsmonitor', `touch ${repo.root}/executed; false`);
  assert.deepEqual(paths(await walk(repo.root, { untracked: true })), ['a.ts']);
  assert.ok(!existsSync(join(repo.root, 'executed')));
});

test('an aborted walk throws', async (t) => {
  const repo = tempRepo({ 'a.ts': '' });
  t.after(repo.remove);
  await assert.rejects(walk(repo.root, { signal: AbortSignal.abort() }));
});
