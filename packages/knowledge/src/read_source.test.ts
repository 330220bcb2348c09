import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSource } from './read_source.ts';
import { tempRepo } from './testing.ts';

test('a file comes back as its bytes', async (t) => {
  const repo = tempRepo({ 'a.ts': 'export {};' });
  t.after(repo.remove);
  assert.deepEqual(await readSource(join(repo.root, 'a.ts')), {
    kind: 'read',
    bytes: Buffer.from('export {};'),
  });
});

test('a file removed since the walk is gone', async (t) => {
  const repo = tempRepo();
  t.after(repo.remove);
  assert.deepEqual(await readSource(join(repo.root, 'a.ts')), { kind: 'gone' });
  assert.deepEqual(await readSource(join(repo.root, 'no/folder/a.ts')), { kind: 'gone' });
});

test('a 50 MB file is refused without being read', async (t) => {
  const repo = tempRepo({ 'big.sql': '' });
  t.after(repo.remove);
  truncateSync(join(repo.root, 'big.sql'), 50_000_000);
  const result = await readSource(join(repo.root, 'big.sql'));
  assert.deepEqual(result, { kind: 'skipped', why: 'larger than 1 MB (50.0 MB)', keep: false });
});

test('a folder, a link and a named pipe are not files, and a pipe does not hang the reader', async (t) => {
  const repo = tempRepo({ 'real.ts': '' });
  t.after(repo.remove);
  mkdirSync(join(repo.root, 'dir'));
  symlinkSync('real.ts', join(repo.root, 'link.ts'));
  execFileSync('mkfifo', [join(repo.root, 'pipe')]);
  for (const name of ['dir', 'link.ts', 'pipe']) {
    const result = await readSource(join(repo.root, name));
    assert.equal(result.kind, 'skipped', name);
  }
});

test('a file without permission is skipped with the reason', {
  skip: process.getuid?.() === 0 && 'root reads everything',
}, async (t) => {
  const repo = tempRepo({ 'a.ts': 'x' });
  t.after(repo.remove);
  chmodSync(join(repo.root, 'a.ts'), 0);
  const result = await readSource(join(repo.root, 'a.ts'));
  assert.deepEqual(result, { kind: 'skipped', why: 'cannot be read (EACCES)', keep: false });
});

test('a file that changes while it is read is read again; one that never rests is left as it is indexed', async (t) => {
  const repo = tempRepo({ 'a.ts': 'old' });
  t.after(repo.remove);
  const file = `${repo.root}/a.ts`;
  let times = 0;
  const once = await readSource(file, async () => {
    times += 1;
    if (times === 1) repo.write('a.ts', 'new, longer');
  });
  assert.deepEqual([once.kind === 'read' && once.bytes.toString(), times], ['new, longer', 2]);
  const never = await readSource(file, async () => {
    times += 1;
    repo.write('a.ts', 'x'.repeat(times + 20));
  });
  assert.deepEqual(never, { kind: 'skipped', why: 'changes while it is read', keep: true });
});
