import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { watchCode } from './code_watcher.ts';

test('a file is seen each time it is replaced, and so is one in a folder that came later', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'cogo-code-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, 'chat'));
  writeFileSync(join(root, 'chat/app.ts'), '0');
  let heard: { wanted: string; resolve: () => void } | undefined;
  let folderTold = () => {};
  const watcher = watchCode([root, join(root, 'nowhere')], (file) => {
    if (basename(file) === 'later') folderTold();
    if (heard && basename(file) === heard.wanted) heard.resolve();
  });
  t.after(() => watcher.close());
  /** Resolves when the watcher tells of it; the test's own time limit ends it otherwise. */
  const change = (wanted: string, act: () => void) =>
    new Promise<void>((resolve) => {
      heard = { wanted, resolve };
      act();
    });
  // as editors do it
  const replace = (path: string, text: string) => () => {
    writeFileSync(join(root, `${path}~`), text);
    renameSync(join(root, `${path}~`), join(root, path));
  };
  for (const text of ['1', '2', '3']) await change('app.ts', replace('chat/app.ts', text));
  await change('later', () => mkdirSync(join(root, 'later')));
  await change('new.ts', replace('later/new.ts', '1'));
  rmSync(join(root, 'later'), { recursive: true });
  await change('later', () => mkdirSync(join(root, 'later')));
  // told by its name, or by its folder that was found anew meanwhile
  await Promise.race([
    change('again.ts', replace('later/again.ts', '1')),
    new Promise<void>((resolve) => {
      folderTold = resolve;
    }),
  ]);
  const untold: string[] = [];
  const other = watchCode([join(root, 'chat')], (file) => untold.push(basename(file)));
  t.after(() => other.close());
  writeFileSync(join(root, 'chat/app.test.ts'), 'a test changes nothing that is served');
  await change('end.ts', () => writeFileSync(join(root, 'chat/end.ts'), ''));
  assert.ok(!untold.includes('app.test.ts'));
});
