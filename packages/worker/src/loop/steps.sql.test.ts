import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';
import { sqlWorld } from '../client/sql_world.ts';
import type { ChildResult } from '../client/worker_link.ts';
import type { Executor } from '../executors/executor.ts';
import { runWorker } from '../run.ts';

let db: TestDatabase;
before(async () => {
  db = await openTestDatabase();
});
after(() => db.close());

/** A promise and what resolves it. */
function signalled(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((r) => {
    resolve = r;
  });
  return { promise, resolve };
}

type World = Awaited<ReturnType<typeof sqlWorld>>;

/** A worker of the world, as a process would run it; `stop` ends it. */
function worker(
  t: TestContext,
  world: World,
  executors: Executor[],
  o: { once?: boolean; executorId?: string } = {},
) {
  const stop = new AbortController();
  t.after(() => stop.abort());
  const lines: string[] = [];
  const ended = runWorker({
    rpc: world.worker,
    executorId: o.executorId ?? world.link().executorId,
    workspaceRoot: process.cwd(),
    sandbox: 'unsafe-none',
    signal: stop.signal,
    log: (level, message) => void lines.push(`${level} ${message}`),
    executors,
    once: o.once ?? true,
    random: () => 0,
  });
  return { stop, ended, lines };
}

const status = async (world: World, jobId: string) => {
  const got = await world.service.call<Record<string, unknown>>('job_status', { job_id: jobId });
  assert.ok(got.ok);
  return got.value;
};

test('an attempt that dies after a step is followed by one that does not do it again', async (t) => {
  const world = await sqlWorld(db);
  const jobId = await world.enqueue();
  const done: string[] = [];
  const stored = signalled();
  const executor: Executor = {
    type: 'code.build.test',
    async run(job, context) {
      const fetched = await context.step('fetch', () => {
        done.push(`fetch by ${job.attempt}`);
        return { commit: 'abc', odd: undefined };
      });
      if (job.attempt === 1) {
        stored.resolve();
        // The process hangs here, as good as dead: it is never heard of again.
        await new Promise(() => {});
      }
      const built = await context.step('build', () => {
        done.push(`build by ${job.attempt}`);
        return 7;
      });
      return { kind: 'finished', result: { fetched, built } };
    },
  };
  const first = worker(t, world, [executor], { once: false, executorId: `first.${world.project}` });
  await stored.promise;
  await world.expire(jobId);
  first.stop.abort();
  const second = await worker(t, world, [executor], { executorId: `second.${world.project}` }).ended;
  assert.ok(second.ok);
  assert.deepEqual(done, ['fetch by 1', 'build by 2']);
  const after = await status(world, jobId);
  assert.deepEqual(
    [after['state'], after['result'], after['lease_losses']],
    ['succeeded', { fetched: { commit: 'abc' }, built: 7 }, 1],
  );
});

test('a parent waits for its children without a slot, and makes them once', async (t) => {
  const world = await sqlWorld(db);
  const jobId = await world.enqueue();
  const seen: ChildResult[][] = [];
  let attempts = 0;
  const parent: Executor = {
    type: 'code.build.test',
    async run(_job, context) {
      attempts++;
      context.spawn('parts', [
        { type: 'code.debug', payload: { part: 1 } },
        { type: 'code.debug', payload: { part: 2 } },
      ]);
      const parts = await context.awaitChildren({ phase: 'parts' });
      seen.push(parts);
      context.spawn('last', [{ type: 'code.debug', payload: { part: 3 } }]);
      const all = await context.awaitChildren();
      return { kind: 'finished', result: all.map(({ result }) => result) };
    },
  };
  const child: Executor = {
    type: 'code.debug',
    run: async (job) => ({ kind: 'finished', result: job.payload }),
  };
  const ended = await worker(t, world, [parent, child]).ended;
  assert.ok(ended.ok);
  // One slot did it all: a parent that kept its slot would wait for ever.
  assert.deepEqual([ended.value.awaiting, ended.value.finished, attempts], [2, 4, 3]);
  const after = await status(world, jobId);
  assert.deepEqual([after['state'], after['result']], ['succeeded', [{ part: 1 }, { part: 2 }, { part: 3 }]]);
  assert.equal(seen[0]!.length, 2);
});

test('children of a finished job are made with its result, and none when it fails', async (t) => {
  const world = await sqlWorld(db);
  const made: string[] = [];
  const parent: Executor = {
    type: 'code.build.test',
    async run(job, context) {
      context.spawn('after', [{ type: 'code.debug', payload: { of: job.jobId } }]);
      if ((job.payload as { fail?: true }).fail) throw new Error('no');
      return { kind: 'finished', result: null };
    },
  };
  const child: Executor = {
    type: 'code.debug',
    async run(job) {
      made.push((job.payload as { of: string }).of);
      return { kind: 'finished', result: null };
    },
  };
  const good = await world.enqueue();
  const bad = await world.enqueue({ payload: { fail: true } });
  assert.ok((await worker(t, world, [parent, child]).ended).ok);
  assert.deepEqual(made, [good]);
  assert.equal((await world.state(bad)).state, 'scheduled');
});

test('a child that cannot be made ends its parent with the reason', async (t) => {
  const world = await sqlWorld(db);
  const jobId = await world.enqueue();
  const parent: Executor = {
    type: 'code.build.test',
    async run(_job, context) {
      context.spawn('odd', [{ type: 'No Such Type' }]);
      await context.awaitChildren();
      return { kind: 'finished', result: null };
    },
  };
  assert.ok((await worker(t, world, [parent]).ended).ok);
  const after = await status(world, jobId);
  assert.deepEqual([after['state'], after['reason']], ['dead', 'validation_failed']);
  assert.match(JSON.stringify(after['error']), /A child was refused/);
});

test('a second process of the same executor takes over, and the first ends with executor_draining', async (t) => {
  const world = await sqlWorld(db);
  const { executorId } = world.link();
  const first = worker(t, world, [], { once: false, executorId });
  // two that register at once may do so in either order
  while ((await db.sql('select from cogo.executors where id = $1', [executorId])).length === 0);
  const started = signalled();
  const busy: Executor = {
    type: 'code.build.test',
    async run(_job, context) {
      started.resolve();
      await new Promise((resolve) => context.signal.addEventListener('abort', resolve));
      return { kind: 'finished', result: null };
    },
  };
  // The first polls an empty lane until the second has registered; then it must not take the job.
  const second = worker(t, world, [busy], { once: false, executorId });
  const ended = await first.ended;
  assert.ok(!ended.ok);
  assert.equal(ended.error.code, 'executor_draining');
  assert.match(ended.error.message, /newer process/);
  const jobId = await world.enqueue();
  await started.promise;
  second.stop.abort();
  assert.ok((await second.ended).ok);
  assert.deepEqual(await world.state(jobId), {
    state: 'queued',
    failures: 0,
    leaseLosses: 0,
    result: null,
  });
});

test('a worker of a version the database does not work with is told to update', async () => {
  const world = await sqlWorld(db);
  const info = { kind: 'cogo-work', version: '0.0.9', instance: 'old' };
  const got = await world.worker.call('register_executor', { executor_id: `old.${world.project}`, info });
  assert.ok(!got.ok);
  assert.equal(got.error.code, 'version_mismatch');
  assert.match(got.error.message, /0\.0\.9.*0\.1\.0 and later.*Update cogo-work/);
});
