import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import type { IndexOptions, IndexReport } from '../indexer.ts';
import { tempRepo } from '../testing.ts';
import type { OnChange, Watch } from './folder_watcher.ts';
import { watchRepository } from './watch_repository.ts';

/** A watch over an index that only notes what it was asked for; `ran(n)` resolves with the n-th run's paths. */
function stage(
  t: TestContext,
  o: {
    root: string;
    watch?: Watch;
    fail?: (run: number) => boolean;
    during?: (run: number) => void;
    rescanMs?: number;
  },
) {
  const stop = new AbortController();
  const runs: (string[] | 'all')[] = [];
  const waiting: (() => void)[] = [];
  const index = async (given: IndexOptions): Promise<Result<IndexReport>> => {
    const run = runs.length + 1;
    o.during?.(run);
    runs.push(given.paths ? given.paths.toSorted() : 'all');
    return o.fail?.(run) ? failure('unavailable', 'no database') : ok({} as IndexReport);
  };
  const done = watchRepository({
    root: o.root,
    repo: 'r',
    projectId: 'p',
    rpc: {} as IndexOptions['rpc'],
    signal: stop.signal,
    quietMs: 20,
    index,
    ...(o.watch ? { watch: o.watch } : {}),
    ...(o.rescanMs === undefined ? {} : { rescanMs: o.rescanMs }),
    onRun: () => {
      for (const check of waiting) check();
    },
  });
  t.after(async () => {
    stop.abort();
    await done;
  });
  const until = (isSo: () => boolean) =>
    new Promise<void>((resolve) => {
      const check = () => isSo() && resolve();
      waiting.push(check);
      check();
    });
  return {
    runs,
    ran: async (n: number) => {
      await until(() => runs.length >= n);
      return runs[n - 1];
    },
    until,
    stop,
    done,
  };
}

function fakeWatch() {
  let tell: OnChange = () => {};
  const watch: Watch = (_root, onChange) => {
    tell = onChange;
    return { close() {} };
  };
  return { watch, tell: (path: string | null) => tell(path) };
}

test('everything is read at first, then what changed, each flurry in one run', async (t) => {
  const { watch, tell } = fakeWatch();
  const { ran } = stage(t, { root: '/x', watch });
  assert.equal(await ran(1), 'all');
  tell('b.ts');
  tell('a.ts');
  tell('a.ts');
  assert.deepEqual(await ran(2), ['a.ts', 'b.ts']);
});

test('what changes during a run is read by the next', async (t) => {
  const { watch, tell } = fakeWatch();
  const { ran } = stage(t, { root: '/x', watch, during: (run) => run === 1 && tell('late.ts') });
  assert.deepEqual(await ran(2), ['late.ts']);
});

test('another commit, or anything the watcher is not sure of, means everything', async (t) => {
  const { watch, tell } = fakeWatch();
  const { ran } = stage(t, { root: '/x', watch });
  await ran(1);
  tell('a.ts');
  tell(null);
  assert.equal(await ran(2), 'all');
});

test('a burst of changes means everything, for some of its events may be lost', async (t) => {
  const { watch, tell } = fakeWatch();
  const { ran } = stage(t, { root: '/x', watch });
  await ran(1);
  for (let i = 0; i < 2100; i += 1) tell(`${i}.ts`);
  assert.equal(await ran(2), 'all');
});

test('a failed run is made up for by the next change, with everything', async (t) => {
  const { watch, tell } = fakeWatch();
  const { ran, runs } = stage(t, { root: '/x', watch, fail: (run) => run === 2 });
  await ran(1);
  tell('a.ts');
  await ran(2);
  tell('b.ts');
  assert.equal(await ran(3), 'all');
  assert.deepEqual(runs[1], ['a.ts']);
});

test('it looks at everything now and then though nothing was seen', async (t) => {
  const { watch } = fakeWatch();
  const { ran } = stage(t, { root: '/x', watch, rescanMs: 5 });
  assert.equal(await ran(2), 'all');
});

test('a stop ends it while it waits', async (t) => {
  const { watch } = fakeWatch();
  const { ran, stop, done } = stage(t, { root: '/x', watch });
  await ran(1);
  stop.abort();
  await done;
});

test('a real folder: edits, new folders, renames and removals are seen, vendored folders are not', async (t) => {
  const repo = tempRepo({ 'src/a.ts': '1', 'node_modules/x/y.js': '1' });
  t.after(repo.remove);
  const { runs, until, ran } = stage(t, { root: repo.root });
  await ran(1);
  const seen = (path: string) => runs.slice(1).some((run) => run === 'all' || run.includes(path));
  repo.write('src/a.ts', '2');
  await until(() => seen('src/a.ts'));
  runs.length = 1;
  repo.write('src/deep/er/b.ts', '1');
  await until(() => seen('src/deep/er/b.ts'));
  runs.length = 1;
  repo.write('src/deep/er/b.ts', '2');
  await until(() => seen('src/deep/er/b.ts'));
  runs.length = 1;
  renameSync(join(repo.root, 'src/deep'), join(repo.root, 'src/shallow'));
  await until(() => runs.slice(1).includes('all'));
  runs.length = 1;
  repo.write('node_modules/x/y.js', '2');
  repo.delete('src/a.ts');
  await until(() => seen('src/a.ts'));
  assert.ok(
    !runs.slice(1).some((run) => run !== 'all' && run.some((path) => path.startsWith('node_modules/'))),
  );
});

test('another commit checked out is seen by its HEAD', async (t) => {
  const repo = tempRepo({ 'a.ts': '1' });
  t.after(repo.remove);
  repo.track();
  repo.git('-c', 'user.name=t', '-c', 'user.email=t@t', 'commit', '-qm', 'one');
  const { runs, until, ran } = stage(t, { root: repo.root });
  await ran(1);
  repo.git('checkout', '-q', '-b', 'other');
  await until(() => runs.slice(1).includes('all'));
});
