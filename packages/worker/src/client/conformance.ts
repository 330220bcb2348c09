import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Result } from '@cogo/spec/result.ts';
import { isReplaced, type ClaimedJob, type ExecutorInfo, type WorkerLink } from './worker_link.ts';

/** A dispatcher under test, and what the other side can do to it. */
export interface ConformanceWorld {
  link(executorId?: string): WorkerLink;
  /** A job of type `code.build.test` unless said; at most three failures. */
  enqueue(o?: { type?: string; payload?: unknown }): Promise<string>;
  cancel(jobId: string): Promise<void>;
  /** Makes the lease of a running job be over, and lets the sweep find it. */
  expire(jobId: string): Promise<void>;
  state(jobId: string): Promise<{ state: string; failures: number; leaseLosses: number; result: unknown }>;
  /** Lets what waits for a retry become ready. */
  makeReady(jobId: string): Promise<void>;
  close(): Promise<void>;
}

const INFO: ExecutorInfo = {
  kind: 'cogo-work',
  version: '0.1.0',
  slots: 2,
  types: null,
  sandbox: 'none',
  host: 'test',
  platform: 'linux',
  instance: 'first',
  beatS: 4,
};

/** The promises every WorkerLink keeps: run it on each implementation. `skip` names why it can not run here. */
export function workerLinkConformance(
  name: string,
  open: (t: TestContext) => Promise<ConformanceWorld>,
  skip: string | false = false,
): void {
  const it = (what: string, body: (world: ConformanceWorld, link: WorkerLink) => Promise<void>) =>
    test(`${name}: ${what}${skip ? ` (skipped: ${skip})` : ''}`, { skip }, async (t) => {
      const world = await open(t);
      try {
        const link = world.link();
        value(await link.register(INFO));
        await body(world, link);
      } finally {
        await world.close();
      }
    });

  it('a claim of an empty lane is an empty list', async (_world, link) => {
    assert.deepEqual(await claim(link, 5), []);
  });

  it('a job is claimed once, with its payload, an attempt and a token', async (world, link) => {
    const jobId = await world.enqueue({ payload: { repo_path: '/r', 한글: '🙂' } });
    const [job] = await claim(link, 5);
    assert.equal(job!.jobId, jobId);
    assert.equal(job!.type, 'code.build.test');
    assert.equal(job!.attempt, 1);
    assert.deepEqual(job!.payload, { repo_path: '/r', 한글: '🙂' });
    assert.match(job!.token, /^\d+$/);
    assert.equal(job!.leaseS, 30);
    assert.deepEqual(await claim(link, 5), []);
    assert.equal((await world.state(jobId)).state, 'running');
  });

  it('a claim takes no more than asked for', async (world, link) => {
    for (let i = 0; i < 3; i++) await world.enqueue();
    assert.equal((await claim(link, 2)).length, 2);
    assert.equal((await claim(link, 2)).length, 1);
  });

  it('a worker narrowed to types gets only those', async (world, link) => {
    await world.enqueue({ type: 'code.debug' });
    const wanted = await world.enqueue({ type: 'code.build.test' });
    const got = value(await link.claim({ qty: 5, leaseS: 30, includeTypes: ['code.build.test'] }));
    assert.deepEqual(
      got.map((job) => job.jobId),
      [wanted],
    );
  });

  it('a finished job is done with its result, and finishing again is lost', async (world, link) => {
    const jobId = await world.enqueue();
    const [job] = await claim(link);
    const done = { jobId, token: job!.token, result: { state: 'succeeded', exit_code: 0 } };
    assert.equal(value(await link.finish([done]))[0]!.verdict, 'ok');
    const after = await world.state(jobId);
    assert.equal(after.state, 'succeeded');
    assert.deepEqual(after.result, { state: 'succeeded', exit_code: 0 });
    assert.equal(value(await link.finish([done]))[0]!.verdict, 'lost');
  });

  it('a turn records what was done and brings the next, and a stale token costs nobody else', async (world, link) => {
    const first = await world.enqueue();
    const [job] = await claim(link);
    const next = await world.enqueue({ payload: { n: 2 } });
    const done = { jobId: first, token: job!.token, result: { n: 1 } };
    const asked = { qty: 5, leaseS: 30, includeTypes: null };
    const turn = value(await link.turn({ ...asked, results: [done] }));
    assert.deepEqual(turn.settled, [{ jobId: first, verdict: 'ok', state: 'succeeded' }]);
    assert.deepEqual(
      turn.jobs.map(({ jobId, payload }) => [jobId, payload]),
      [[next, { n: 2 }]],
    );
    assert.deepEqual((await world.state(first)).result, { n: 1 });
    const held = { jobId: next, token: turn.jobs[0]!.token, result: 2 };
    const last = value(await link.turn({ ...asked, results: [done, held] }));
    assert.deepEqual(
      new Map(last.settled.map(({ jobId, verdict }) => [jobId, verdict])),
      new Map([
        [first, 'lost'],
        [next, 'ok'],
      ]),
    );
    assert.deepEqual(last.jobs, []);
    assert.deepEqual(value(await link.turn({ ...asked, results: [] })), { settled: [], jobs: [] });
  });

  it('a turn of a process that was replaced is refused whole; its result is still good', async (world, link) => {
    const jobId = await world.enqueue();
    const [job] = await claim(link);
    value(await world.link().register({ ...INFO, instance: 'second' }));
    const results = [{ jobId, token: job!.token, result: 'done' }];
    const refused = await link.turn({ qty: 1, leaseS: 30, includeTypes: null, results });
    assert.ok(!refused.ok && isReplaced(refused.error), JSON.stringify(refused));
    assert.equal((await world.state(jobId)).state, 'running');
    assert.equal(value(await link.finish(results))[0]!.verdict, 'ok');
  });

  it('a mixed batch gets one verdict for each of its items', async (world, link) => {
    const ids = [await world.enqueue(), await world.enqueue(), await world.enqueue()];
    const jobs = await claim(link, 3);
    const items = jobs.map(({ jobId, token }) => ({ jobId, token, result: 1 }));
    const stale = items.find((item) => item.jobId === ids[1])!;
    stale.token = '999999999';
    const verdicts = value(await link.finish(items));
    assert.deepEqual(
      new Map(verdicts.map((v) => [v.jobId, v.verdict])),
      new Map([
        [ids[0]!, 'ok'],
        [ids[1]!, 'lost'],
        [ids[2]!, 'ok'],
      ]),
    );
    assert.equal((await world.state(ids[1]!)).state, 'running');
  });

  it('a released job comes back with the checkpoint it was handed back with', async (world, link) => {
    const jobId = await world.enqueue();
    const [job] = await claim(link);
    assert.equal(job!.checkpoint, null);
    value(await link.release([{ jobId, token: job!.token, checkpoint: { done: 3 } }]));
    const [again] = await claim(link);
    assert.deepEqual(again!.checkpoint, { done: 3 });
  });

  it('a worker narrowed to a prefix gets the types below it', async (world, link) => {
    await world.enqueue({ type: 'index.repo' });
    const wanted = await world.enqueue({ type: 'code.debug' });
    const got = value(await link.claim({ qty: 5, leaseS: 30, includeTypes: ['code.*'] }));
    assert.deepEqual(
      got.map((job) => job.jobId),
      [wanted],
    );
  });

  it('a retryable failure makes the job ready again under a new token', async (world, link) => {
    const jobId = await world.enqueue();
    const [job] = await claim(link);
    const error = { code: 'internal', message: 'broke' };
    const [settled] = value(await link.fail([{ jobId, token: job!.token, error, retryable: true }]));
    assert.equal(settled!.verdict, 'ok');
    await world.makeReady(jobId);
    const [again] = await claim(link);
    assert.equal(again!.jobId, jobId);
    assert.equal(again!.attempt, 2);
    assert.notEqual(again!.token, job!.token);
    assert.equal((await world.state(jobId)).failures, 1);
  });

  it('a failure that is not retryable is dead at once', async (world, link) => {
    const jobId = await world.enqueue();
    const [job] = await claim(link);
    const error = { code: 'validation_failed', message: 'bad payload', reason: 'validation_failed' };
    value(await link.fail([{ jobId, token: job!.token, error, retryable: false }]));
    assert.equal((await world.state(jobId)).state, 'dead');
  });

  it('a released job is ready at once and costs no failure', async (world, link) => {
    const jobId = await world.enqueue();
    const [job] = await claim(link);
    assert.equal(value(await link.release([{ jobId, token: job!.token }]))[0]!.verdict, 'ok');
    const after = await world.state(jobId);
    assert.deepEqual([after.state, after.failures, after.leaseLosses], ['queued', 0, 0]);
    const [again] = await claim(link);
    assert.notEqual(again!.token, job!.token);
  });

  it('a beat keeps the lease, an empty beat is presence only', async (world, link) => {
    const jobId = await world.enqueue();
    const [job] = await claim(link);
    const beat = { jobId, token: job!.token, progress: { step: 'test' }, log: 'a line\n' };
    assert.deepEqual(value(await link.beat([beat])), [{ jobId, verdict: 'ok' }]);
    assert.deepEqual(value(await link.beat([])), []);
  });

  it('text that jsonb cannot hold costs neither a beat nor a result', async (world, link) => {
    const jobId = await world.enqueue();
    const [job] = await claim(link);
    const odd = 'a\0b \ud83d end \udc00';
    const lease = { jobId, token: job!.token };
    assert.equal(value(await link.beat([{ ...lease, log: odd, progress: { odd } }]))[0]!.verdict, 'ok');
    assert.equal(value(await link.finish([{ ...lease, result: { odd, list: [odd] } }]))[0]!.verdict, 'ok');
    assert.equal((await world.state(jobId)).state, 'succeeded');
  });

  it('a lease that ran out is lost to its old holder in every verb', async (world, link) => {
    const jobId = await world.enqueue();
    const [old] = await claim(link);
    await world.expire(jobId);
    const [now] = await claim(world.link());
    assert.equal(now!.jobId, jobId);
    const lease = { jobId, token: old!.token };
    const error = { code: 'internal', message: 'late' };
    assert.equal(value(await link.beat([lease]))[0]!.verdict, 'lost');
    assert.equal(value(await link.finish([{ ...lease, result: 'zombie' }]))[0]!.verdict, 'lost');
    assert.equal(value(await link.fail([{ ...lease, error, retryable: true }]))[0]!.verdict, 'lost');
    assert.equal(value(await link.release([lease]))[0]!.verdict, 'lost');
    const after = await world.state(jobId);
    assert.deepEqual([after.state, after.failures, after.leaseLosses], ['running', 0, 1]);
    assert.equal(value(await link.finish([{ jobId, token: now!.token, result: 'mine' }]))[0]!.verdict, 'ok');
    assert.equal((await world.state(jobId)).result, 'mine');
  });

  it('a cancelled job says so on the next beat and ends when it is handed back', async (world, link) => {
    const jobId = await world.enqueue();
    const [job] = await claim(link);
    await world.cancel(jobId);
    assert.equal(value(await link.beat([{ jobId, token: job!.token }]))[0]!.verdict, 'cancel');
    assert.equal(value(await link.release([{ jobId, token: job!.token }]))[0]!.verdict, 'cancelled');
    assert.equal((await world.state(jobId)).state, 'cancelled');
  });

  it('a newer process of the same executor takes over, and the older one is told', async (world, link) => {
    const jobId = await world.enqueue();
    const [job] = await claim(link);
    const newer = world.link();
    value(await newer.register({ ...INFO, instance: 'second' }));
    const claimed = await link.claim({ qty: 1, leaseS: 30, includeTypes: null });
    assert.ok(!claimed.ok && isReplaced(claimed.error), JSON.stringify(claimed));
    assert.equal(value(await link.beat([{ jobId, token: job!.token }]))[0]!.verdict, 'lost');
    // It must not win back by saying hello again, as a worker does after an outage.
    const again = await link.register(INFO);
    assert.ok(!again.ok && isReplaced(again.error), JSON.stringify(again));
    assert.deepEqual(await claim(newer), []);
  });

  it('a process that registers again keeps its leases', async (world, link) => {
    const jobId = await world.enqueue();
    const [job] = await claim(link);
    value(await link.register(INFO));
    assert.equal(value(await link.beat([{ jobId, token: job!.token }]))[0]!.verdict, 'ok');
    assert.deepEqual(await claim(link), []);
  });

  it('outputs of steps come with the next claim, the first of a name', async (world, link) => {
    const jobId = await world.enqueue();
    const [job] = await claim(link);
    assert.deepEqual(job!.steps, {});
    const lease = { jobId, token: job!.token };
    value(await link.beat([{ ...lease, steps: [{ name: 'fetch', output: { n: 1 } }] }]));
    value(
      await link.release([
        {
          ...lease,
          steps: [
            { name: 'fetch', output: 2 },
            { name: 'build', output: null },
          ],
        },
      ]),
    );
    const [again] = await claim(link);
    assert.deepEqual(again!.steps, { fetch: { n: 1 }, build: null });
  });

  it('a job waits for the children it made and gets their results', async (world, link) => {
    const jobId = await world.enqueue();
    const [job] = await claim(link);
    const children = [
      { type: 'code.debug', payload: { n: 1 } },
      { type: 'code.debug', payload: { n: 2 } },
    ];
    const [settled] = value(
      await link.release([{ jobId, token: job!.token, checkpoint: 'waiting', children, await: true }]),
    );
    assert.deepEqual([settled!.verdict, settled!.state], ['ok', 'blocked']);
    const made = await claim(link, 5);
    assert.deepEqual(
      made.map(({ type, payload }) => [type, payload]),
      children.map(({ type, payload }) => [type, payload]),
    );
    const done = made.map(({ jobId: id, token, payload }) => ({ jobId: id, token, result: payload }));
    value(await link.finish(done));
    const [again] = await claim(link, 5);
    assert.deepEqual([again!.jobId, again!.checkpoint], [jobId, 'waiting']);
    assert.deepEqual(
      again!.children.map(({ state, result }) => [state, result]),
      [
        ['succeeded', { n: 1 }],
        ['succeeded', { n: 2 }],
      ],
    );
  });

  it('a job that was cancelled before it was claimed is never handed out', async (world, link) => {
    await world.cancel(await world.enqueue());
    assert.deepEqual(await claim(link, 5), []);
  });
}

function value<T>(got: Result<T>): T {
  if (!got.ok) assert.fail(`${got.error.code}: ${got.error.message}`);
  return got.value;
}

async function claim(link: WorkerLink, qty = 1): Promise<ClaimedJob[]> {
  return value(await link.claim({ qty, leaseS: 30, includeTypes: null }));
}
