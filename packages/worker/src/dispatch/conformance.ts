import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type { Result } from '@cogo/spec/result.ts';
import type { ClaimedJob, ExecutorInfo, WorkerLink } from '../client/worker_link.ts';
import type { Dispatcher } from './dispatcher.ts';

/** A dispatcher under test, with executors on its other side. */
export interface DispatchWorld {
  dispatcher: Dispatcher;
  projectId: string;
  /** An executor of the project, by its lane. */
  link(kind: 'cogo-plan' | 'cogo-work'): WorkerLink;
  /** How often an executor was woken so far. */
  wakes(executorId: string): Promise<number>;
  close(): Promise<void>;
}

/** The promises every Dispatcher keeps: run it on each implementation. */
export function dispatcherConformance(name: string, open: () => Promise<DispatchWorld>): void {
  const it = (what: string, body: (world: DispatchWorld, enqueue: Enqueue) => Promise<void>) =>
    test(`${name}: ${what}`, async () => {
      const world = await open();
      try {
        await body(world, async (job) => value(await world.dispatcher.enqueue(world.projectId, [job]))[0]!);
      } finally {
        await world.close();
      }
    });

  it('a job goes to the lane of its type, and its executors are woken', async (world, enqueue) => {
    const [plan, work] = [world.link('cogo-plan'), world.link('cogo-work')];
    value(await plan.register(info('cogo-plan')));
    value(await work.register(info('cogo-work')));
    const before = [await world.wakes(plan.executorId), await world.wakes(work.executorId)];
    const { job_id, state, duplicate } = await enqueue({ type: 'research.run', payload: { question: 'x' } });
    assert.deepEqual([state, duplicate], ['queued', false]);
    assert.deepEqual(
      [await world.wakes(plan.executorId), await world.wakes(work.executorId)],
      [before[0]! + 1, before[1]],
    );
    assert.deepEqual(await claim(work), []);
    assert.deepEqual(
      (await claim(plan)).map(({ jobId, payload }) => [jobId, payload]),
      [[job_id, { question: 'x' }]],
    );
  });

  it('an unknown type is refused and makes nothing of the call', async (world) => {
    const jobs = [{ type: 'code.debug' }, { type: 'make.coffee' }];
    const got = await world.dispatcher.enqueue(world.projectId, jobs);
    assert.equal(!got.ok && got.error.code, 'validation_failed');
    const work = world.link('cogo-work');
    value(await work.register(info('cogo-work')));
    assert.deepEqual(await claim(work), []);
  });

  it('a key makes one job, and refuses another input', async (world, enqueue) => {
    const key = randomUUID();
    const first = await enqueue({ type: 'code.debug', key, payload: { n: 1 } });
    const again = await enqueue({ type: 'code.debug', key, payload: { n: 1 } });
    assert.deepEqual([again.job_id, again.duplicate], [first.job_id, true]);
    const other = await world.dispatcher.enqueue(world.projectId, [
      { type: 'code.debug', key, payload: { n: 2 } },
    ]);
    assert.equal(!other.ok && other.error.code, 'job_key_reused');
  });

  it('a cancel takes what is below with it, unless told not to', async (world, enqueue) => {
    const parent = await enqueue({ type: 'code.debug' });
    const child = await enqueue({ type: 'code.debug', parent_id: parent.job_id });
    await enqueue({ type: 'code.debug', parent_id: child.job_id });
    const done = value(await world.dispatcher.cancel(parent.job_id));
    assert.deepEqual([done.state, done.cancel_requested, done.children], ['cancelled', true, 2]);
    const alone = await enqueue({ type: 'code.debug' });
    const left = await enqueue({ type: 'code.debug', parent_id: alone.job_id });
    assert.equal(value(await world.dispatcher.cancel(alone.job_id, { children: false })).children, 0);
    const work = world.link('cogo-work');
    value(await work.register(info('cogo-work')));
    assert.deepEqual(
      (await claim(work)).map(({ jobId }) => jobId),
      [left.job_id],
    );
  });

  it('a running job is asked to stop; one that is over can not be cancelled', async (world, enqueue) => {
    const { job_id } = await enqueue({ type: 'code.debug' });
    const work = world.link('cogo-work');
    value(await work.register(info('cogo-work')));
    const [job] = await claim(work);
    assert.equal(value(await world.dispatcher.cancel(job_id)).state, 'running');
    value(await work.finish([{ jobId: job_id, token: job!.token, result: {} }]));
    const second = await enqueue({ type: 'code.debug' });
    const [other] = await claim(work);
    value(await work.finish([{ jobId: second.job_id, token: other!.token, result: {} }]));
    const late = await world.dispatcher.cancel(second.job_id);
    assert.equal(!late.ok && late.error.code, 'illegal_transition');
  });

  it('a dead job is redriven once', async (world, enqueue) => {
    const { job_id } = await enqueue({ type: 'code.debug', payload: { n: 1 } });
    const early = await world.dispatcher.redrive(job_id);
    assert.equal(!early.ok && early.error.code, 'illegal_transition');
    const work = world.link('cogo-work');
    value(await work.register(info('cogo-work')));
    const [job] = await claim(work);
    const error = { code: 'internal', message: 'broke' };
    value(await work.fail([{ jobId: job_id, token: job!.token, error, retryable: false }]));
    const made = value(await world.dispatcher.redrive(job_id));
    assert.deepEqual([made.duplicate, made.redriven_from], [false, job_id]);
    const again = value(await world.dispatcher.redrive(job_id));
    assert.deepEqual([again.duplicate, again.job_id], [true, made.job_id]);
    const [second] = await claim(work);
    assert.deepEqual([second!.jobId, second!.payload], [made.job_id, { n: 1 }]);
  });

  it('an unknown job is not found', async (world) => {
    for (const verb of ['cancel', 'redrive'] as const) {
      const got = await world.dispatcher[verb]('00000000-0000-4000-8000-000000000000');
      assert.equal(!got.ok && got.error.code, 'not_found');
    }
  });
}

type Enqueue = (job: Parameters<Dispatcher['enqueue']>[1][number]) => Promise<{
  job_id: string;
  state: string;
  duplicate: boolean;
}>;

function info(kind: ExecutorInfo['kind']): ExecutorInfo {
  return {
    kind,
    version: '0.1.0',
    slots: 5,
    types: null,
    sandbox: 'none',
    host: 'test',
    platform: 'linux',
    instance: randomUUID(),
    beatS: 4,
  };
}

function value<T>(got: Result<T>): T {
  if (!got.ok) assert.fail(`${got.error.code}: ${got.error.message}`);
  return got.value;
}

async function claim(link: WorkerLink): Promise<ClaimedJob[]> {
  return value(await link.claim({ qty: 5, leaseS: 30, includeTypes: null }));
}
