import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cogoError } from '@cogo/spec/errors.ts';
import { failure } from '@cogo/spec/result.ts';
import { FakeDispatcher } from '../client/fake_link.ts';
import type { WorkerLink } from '../client/worker_link.ts';
import { FakeClock, settle } from '../clock_fake.ts';
import type { Executor, JobContext, Outcome } from '../executors/executor.ts';
import { DEFAULT_POLICY } from '../policy.ts';
import type { Answer } from '../approvals.ts';
import type { WorkerSetup } from './core.ts';
import { runLoops } from './worker.ts';

/** An executor whose jobs end when the test says so. */
class Manual implements Executor {
  readonly type = 'code.build.test';
  readonly running = new Map<string, { context: JobContext; end: (outcome: Outcome) => void }>();
  readonly started: string[] = [];

  run(job: { jobId: string }, context: JobContext): Promise<Outcome> {
    this.started.push(job.jobId);
    return new Promise((resolve) => {
      const end = (outcome: Outcome) => {
        this.running.delete(job.jobId);
        resolve(outcome);
      };
      this.running.set(job.jobId, { context, end });
      context.signal.addEventListener('abort', () => end({ kind: 'finished', result: 'stopped' }));
    });
  }

  finish(jobId: string, result: unknown = 'done'): void {
    this.running.get(jobId)!.end({ kind: 'finished', result });
  }
}

const away = cogoError('unavailable', 'The gateway can not be reached.');

function world(o: Partial<WorkerSetup> = {}, wrap: (link: WorkerLink) => WorkerLink = (link) => link) {
  const clock = new FakeClock();
  const dispatcher = new FakeDispatcher(clock);
  const manual = new Manual();
  const stop = new AbortController();
  const lines: string[] = [];
  const start = () =>
    runLoops({
      link: wrap(dispatcher.link('cogo-work')),
      info: {
        kind: 'cogo-work',
        version: '0',
        slots: 2,
        types: null,
        sandbox: 'none',
        host: 'h',
        platform: 'linux',
        instance: 'i',
        beatS: 4,
      },
      slots: 2,
      leaseS: 30,
      includeTypes: null,
      policy: () => DEFAULT_POLICY,
      executor: (type) => (type === manual.type ? manual : null),
      signal: stop.signal,
      log: (level, message) => void lines.push(`${level} ${message}`),
      clock,
      random: () => 0.5,
      once: false,
      wake: null,
      ...o,
    });
  const state = (jobId: string) => dispatcher.jobs.get(jobId)!;
  const calls = (fn: string) => dispatcher.calls.filter((call) => call.fn === fn);
  return { clock, dispatcher, manual, stop, lines, start, state, calls };
}

test('jobs run in as many slots as there are, and the rest follow', async () => {
  const w = world();
  const ids = [1, 2, 3].map(() => w.dispatcher.enqueue('code.build.test'));
  const run = w.start();
  await w.clock.advance(0);
  assert.deepEqual(w.manual.started, ids.slice(0, 2));
  w.manual.finish(ids[0]!);
  await w.clock.advance(0);
  assert.deepEqual(w.manual.started, ids);
  w.manual.finish(ids[1]!);
  w.manual.finish(ids[2]!);
  await w.clock.advance(0);
  assert.deepEqual(
    ids.map((id) => w.state(id).state),
    ['succeeded', 'succeeded', 'succeeded'],
  );
  w.stop.abort();
  assert.deepEqual(await run, {
    ok: true,
    value: { claimed: 3, finished: 3, failed: 0, cancelled: 0, released: 0, lost: 0, fenced: 0, awaiting: 0 },
  });
});

test('claims wait until half of the slots are free', async () => {
  const w = world({ slots: 4 });
  const ids = Array.from({ length: 8 }, () => w.dispatcher.enqueue('code.build.test'));
  void w.start();
  await w.clock.advance(0);
  assert.equal(w.manual.started.length, 4);
  w.manual.finish(ids[0]!);
  await w.clock.advance(1000);
  assert.equal(w.manual.started.length, 4);
  w.manual.finish(ids[1]!);
  await w.clock.advance(0);
  assert.equal(w.manual.started.length, 6);
  w.stop.abort();
});

test('an idle worker polls ever more slowly, up to five seconds', async () => {
  const w = world();
  const run = w.start();
  await w.clock.advance(60_000);
  const at = w.calls('claim').map((call) => call.at);
  const gaps = at.slice(1).map((t, i) => Math.round(t - at[i]!));
  assert.equal(gaps[0], 250);
  assert.ok(gaps.slice(1).every((gap, i) => gap >= gaps[i]!));
  assert.equal(gaps.at(-1), 5_000);
  w.stop.abort();
  await run;
});

test('a wake-up ends the pause of an idle worker at once', async () => {
  let ring = () => {};
  let ended = false;
  const w = world({
    wake: ({ work }) => {
      ring = work;
      return () => {
        ended = true;
      };
    },
  });
  const run = w.start();
  await w.clock.advance(60_000);
  const id = w.dispatcher.enqueue('code.build.test');
  ring();
  await w.clock.advance(0);
  assert.deepEqual(w.manual.started, [id]);
  w.stop.abort();
  await run;
  assert.equal(ended, true);
});

test('one beat carries all slots, every four seconds with jitter', async () => {
  const w = world();
  const ids = [w.dispatcher.enqueue('code.build.test'), w.dispatcher.enqueue('code.build.test')];
  void w.start();
  await w.clock.advance(120_000);
  const beats = w.calls('beat');
  assert.ok(beats.slice(1).every((beat) => beat.size === 2));
  const gaps = beats.slice(1).map((beat, i) => beat.at - beats[i]!.at);
  assert.ok(Math.max(...gaps) <= 4_000, String(gaps));
  assert.ok(Math.min(...gaps) >= 3_600, String(gaps));
  w.dispatcher.sweep();
  assert.deepEqual(
    ids.map((id) => w.state(id).state),
    ['running', 'running'],
  );
  w.stop.abort();
});

test('progress and log lines travel with beats, at most two a second', async () => {
  const w = world();
  const id = w.dispatcher.enqueue('code.build.test');
  void w.start();
  await w.clock.advance(1_000);
  const { context } = w.manual.running.get(id)!;
  const before = w.calls('beat').length;
  for (let i = 0; i < 100; i++) {
    context.progress({ n: i });
    context.say(`line ${i}\n`);
    await w.clock.advance(20);
  }
  await w.clock.advance(1_000);
  assert.deepEqual(w.state(id).progress, { n: 99 });
  assert.match(w.state(id).log, /^line 0\n[\s\S]*line 99\n$/);
  const sent = w.calls('beat').length - before;
  assert.ok(sent >= 3 && sent <= 6, `${sent} beats in three seconds`);
  w.stop.abort();
});

test('without an acknowledged beat the work is stopped at 80 % of the lease, before anyone else may have it', async () => {
  const w = world();
  const id = w.dispatcher.enqueue('code.build.test');
  void w.start();
  await w.clock.advance(1_000);
  w.dispatcher.down = away;
  // The lease was last granted at 0, by the claim; nothing has been acknowledged since.
  await w.clock.advance(22_900);
  assert.equal(w.manual.running.size, 1);
  await w.clock.advance(200);
  assert.equal(w.manual.running.size, 0);
  assert.equal(w.state(id).leaseUntil, 30_000);
  w.dispatcher.down = null;
  await w.clock.advance(60_000);
  assert.equal(w.manual.started.length, 2, 'handed back and taken again');
  assert.equal(w.state(id).leaseLosses, 0);
  w.stop.abort();
});

test('news that the dispatcher refuses does not cost the lease', async () => {
  const w = world({}, (link) => ({
    ...link,
    beat: (beats, o) =>
      beats.some((beat) => beat.log !== undefined)
        ? Promise.resolve({ ok: false, error: cogoError('internal', 'cannot store this') })
        : link.beat(beats, o),
  }));
  const id = w.dispatcher.enqueue('code.build.test');
  void w.start();
  await w.clock.advance(1_000);
  w.manual.running.get(id)!.context.say('poison');
  await w.clock.advance(60_000);
  assert.equal(w.manual.running.size, 1);
  w.stop.abort();
});

test('a gateway that hangs instead of failing is fenced just the same', async () => {
  let hang = false;
  const w = world({}, (link) => ({
    ...link,
    beat: (beats, o) => (hang ? new Promise(() => {}) : link.beat(beats, o)),
  }));
  w.dispatcher.enqueue('code.build.test');
  void w.start();
  await w.clock.advance(1_000);
  hang = true;
  await w.clock.advance(40_000);
  assert.ok(w.lines.includes('warn no beat was acknowledged in time: stopping the job'));
  w.stop.abort();
});

test('a result is kept and reported when the gateway is back', async () => {
  const w = world();
  const id = w.dispatcher.enqueue('code.build.test');
  void w.start();
  await w.clock.advance(1_000);
  w.dispatcher.down = away;
  w.manual.finish(id, { exit_code: 0 });
  await w.clock.advance(120_000);
  w.dispatcher.down = null;
  await w.clock.advance(60_000);
  assert.equal(w.state(id).state, 'succeeded');
  assert.deepEqual(w.state(id).result, { exit_code: 0 });
  assert.equal(w.manual.started.length, 1);
  w.stop.abort();
});

test('a worker started before its gateway waits for it', async () => {
  const w = world();
  w.dispatcher.down = away;
  const id = w.dispatcher.enqueue('code.build.test');
  void w.start();
  await w.clock.advance(300_000);
  w.dispatcher.down = null;
  await w.clock.advance(40_000);
  assert.deepEqual(w.manual.started, [id]);
  assert.ok(w.lines.length < 20, 'an outage is not one line per attempt');
  w.stop.abort();
});

test('a lease that someone else has taken stops the work and reports nothing', async () => {
  const w = world();
  const id = w.dispatcher.enqueue('code.build.test');
  void w.start();
  await w.clock.advance(1_000);
  const job = w.state(id);
  job.leaseUntil = 0;
  w.dispatcher.sweep();
  job.state = 'running';
  job.token = '12345';
  job.leaseUntil = 1e9;
  await w.clock.advance(11_000);
  assert.equal(w.manual.running.size, 0);
  assert.equal(w.calls('finish').length + w.calls('turn').length, 0);
  assert.equal(w.calls('release').length, 0);
  assert.equal(job.token, '12345');
  w.stop.abort();
});

test('a hint to beat makes a cancellation arrive at once', async () => {
  let beat = () => {};
  const w = world({
    wake: (bells) => {
      beat = bells.beat;
      return () => {};
    },
  });
  const id = w.dispatcher.enqueue('code.build.test');
  void w.start();
  await w.clock.advance(3_000);
  w.dispatcher.cancel(id);
  beat();
  await w.clock.advance(0);
  assert.equal(w.manual.running.size, 0);
  w.stop.abort();
});

test('a cancelled job is stopped by the verdict of a beat and ends as cancelled', async () => {
  const w = world();
  const id = w.dispatcher.enqueue('code.build.test');
  const run = w.start();
  await w.clock.advance(1_000);
  w.dispatcher.cancel(id);
  await w.clock.advance(11_000);
  assert.equal(w.manual.running.size, 0);
  assert.equal(w.state(id).state, 'cancelled');
  w.stop.abort();
  const done = await run;
  assert.equal(done.ok && done.value.cancelled, 1);
});

test('a stop kills the work and hands every lease back in one call, without time passing', async () => {
  const w = world();
  const ids = [w.dispatcher.enqueue('code.build.test'), w.dispatcher.enqueue('code.build.test')];
  const run = w.start();
  await w.clock.advance(1_000);
  w.stop.abort();
  const done = await run;
  assert.equal(w.clock.now(), 1_000);
  assert.deepEqual(w.calls('release'), [{ fn: 'release', at: 1_000, size: 2 }]);
  assert.deepEqual(
    ids.map((id) => [w.state(id).state, w.state(id).failures]),
    [
      ['queued', 0],
      ['queued', 0],
    ],
  );
  assert.equal(done.ok && done.value.released, 2);
});

test('a stop while the gateway hangs ends within a second', async () => {
  let hang = false;
  const w = world({}, (link) => ({
    ...link,
    release: (leases, o) => (hang ? new Promise(() => {}) : link.release(leases, o)),
    claim: (request, o) => (hang ? new Promise(() => {}) : link.claim(request, o)),
    beat: (beats, o) => (hang ? new Promise(() => {}) : link.beat(beats, o)),
  }));
  w.dispatcher.enqueue('code.build.test');
  let ended = false;
  void w.start().then(() => {
    ended = true;
  });
  await w.clock.advance(1_000);
  hang = true;
  // A claim and a beat are now waiting for an answer that never comes.
  await w.clock.advance(9_500);
  w.stop.abort();
  await w.clock.advance(1_000);
  assert.equal(ended, true);
});

test('leases in an answer that comes after the stop are handed back', async () => {
  let answer = () => {};
  const w = world({}, (link) => ({
    ...link,
    claim: async (request, o) => {
      const got = await link.claim(request, o);
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return got;
    },
  }));
  const id = w.dispatcher.enqueue('code.build.test');
  const run = w.start();
  await w.clock.advance(0);
  assert.equal(w.state(id).state, 'running');
  w.stop.abort();
  await settle();
  answer();
  await run;
  assert.equal(w.state(id).state, 'queued');
  assert.deepEqual(w.manual.started, []);
});

test('a revoked token ends the worker with its error, and its work', async () => {
  const w = world();
  w.dispatcher.enqueue('code.build.test');
  const run = w.start();
  await w.clock.advance(1_000);
  w.dispatcher.down = cogoError('unauthorized', 'This token was revoked.');
  await w.clock.advance(12_000);
  const done = await run;
  assert.equal(!done.ok && done.error.code, 'unauthorized');
  assert.equal(w.manual.running.size, 0);
});

test('a job of a type without an executor fails for good and says so', async () => {
  const w = world({ once: true });
  const id = w.dispatcher.enqueue('code.debug');
  const run = w.start();
  await w.clock.advance(10_000);
  await run;
  assert.equal(w.state(id).state, 'dead');
  assert.match(JSON.stringify(w.state(id).error), /no executor for jobs of type code\.debug/);
});

test('an executor that throws is an infrastructure failure and is tried again', async () => {
  let times = 0;
  const broken: Executor = {
    type: 'code.build.test',
    run: async () => {
      if (++times < 2) throw new Error('disk on fire');
      return { kind: 'finished', result: 1 };
    },
  };
  const w = world({ once: true, executor: () => broken });
  const id = w.dispatcher.enqueue('code.build.test');
  const run = w.start();
  await w.clock.advance(10_000);
  await run;
  assert.deepEqual([w.state(id).state, w.state(id).failures], ['succeeded', 1]);
});

test('a busy worker reports and takes the next job in one call, and asks for no more than it has slots', async () => {
  const w = world({ slots: 2 });
  const ids = Array.from({ length: 5 }, () => w.dispatcher.enqueue('code.build.test'));
  void w.start();
  await w.clock.advance(0);
  for (const id of ids) {
    w.manual.finish(id);
    await w.clock.advance(0);
    assert.ok(w.manual.running.size <= 2, `${w.manual.running.size} at once`);
  }
  assert.deepEqual(
    ids.map((id) => w.state(id).state),
    ids.map(() => 'succeeded'),
  );
  assert.equal(w.calls('turn').length, 5);
  assert.equal(w.calls('finish').length, 0);
  w.stop.abort();
});

test('where the claim of a turn is refused, the result is reported alone', async () => {
  const w = world({}, (link) => ({
    ...link,
    turn: async () => failure('executor_draining', 'this executor is draining'),
  }));
  const id = w.dispatcher.enqueue('code.build.test');
  void w.start();
  await w.clock.advance(0);
  w.manual.finish(id);
  await w.clock.advance(0);
  assert.equal(w.state(id).state, 'succeeded');
  w.stop.abort();
});

test('jobs that a turn brings while the worker is told to stop go straight back', async () => {
  const stop = new AbortController();
  const w = world({ slots: 1, signal: stop.signal }, (link) => ({
    ...link,
    turn: async (request) => {
      const got = await link.turn(request);
      stop.abort();
      return got;
    },
  }));
  const ids = [w.dispatcher.enqueue('code.build.test'), w.dispatcher.enqueue('code.build.test')];
  const run = w.start();
  await w.clock.advance(0);
  w.manual.finish(ids[0]!);
  await w.clock.advance(10_000);
  await run;
  assert.deepEqual(
    ids.map((id) => w.state(id).state),
    ['succeeded', 'queued'],
  );
  assert.deepEqual(w.manual.started, [ids[0]]);
});

test('a result that the dispatcher refuses becomes a failure that names why', async () => {
  const refuse = async () => failure('payload_too_large', '200 KB, allowed 128 KB');
  const w = world({}, (link) => ({ ...link, finish: refuse, turn: refuse }));
  const id = w.dispatcher.enqueue('code.build.test');
  void w.start();
  await w.clock.advance(0);
  w.manual.finish(id, 'x'.repeat(10));
  await w.clock.advance(0);
  assert.equal(w.state(id).state, 'dead');
  assert.match(JSON.stringify(w.state(id).error), /The result was refused: 200 KB/);
  w.stop.abort();
});

test('once: the worker returns when nothing is ready and nothing runs', async () => {
  const w = world({ once: true });
  const id = w.dispatcher.enqueue('code.build.test');
  const run = w.start();
  await w.clock.advance(20_000);
  w.manual.finish(id);
  await w.clock.advance(10_000);
  const done = await run;
  assert.equal(done.ok && done.value.finished, 1);
});

test('a job of a type that needs approval waits with its lease kept, and is refused when denied', async () => {
  const answers = new Map<string, (answer: Answer) => void>();
  const w = world({
    slots: 2,
    policy: () => ({ ...DEFAULT_POLICY, approve: 'ask' }),
    approvals: { ask: (job) => new Promise((resolve) => answers.set(job.jobId, resolve)) },
  });
  const [yes, no] = [w.dispatcher.enqueue('code.build.test'), w.dispatcher.enqueue('code.build.test')];
  void w.start();
  await w.clock.advance(300_000);
  w.dispatcher.sweep();
  assert.deepEqual([w.state(yes!).state, w.state(no!).state, w.manual.started], ['running', 'running', []]);
  assert.deepEqual(w.state(yes!).progress, { state: 'waiting_for_approval' });
  assert.match(w.state(yes!).log, new RegExp(`cogo-work approve ${yes}`));
  answers.get(yes!)!({ approved: true, reason: null });
  answers.get(no!)!({ approved: false, reason: 'not on a Sunday' });
  await w.clock.advance(0);
  assert.deepEqual(w.manual.started, [yes]);
  assert.equal(w.state(no!).state, 'dead');
  assert.deepEqual(w.state(no!).error, {
    code: 'forbidden',
    message: 'The owner of this machine denied the job: not on a Sunday',
    reason: 'policy_violation',
  });
  w.stop.abort();
});

test('a job that waits for approval and is cancelled never starts', async () => {
  const w = world({
    policy: () => ({ ...DEFAULT_POLICY, approve: 'ask' }),
    approvals: {
      ask: (_job, _clock, signal) =>
        new Promise((resolve) => signal.addEventListener('abort', () => resolve(null))),
    },
  });
  const id = w.dispatcher.enqueue('code.build.test');
  void w.start();
  await w.clock.advance(10_000);
  w.dispatcher.cancel(id);
  await w.clock.advance(5_000);
  assert.deepEqual([w.state(id).state, w.manual.started], ['cancelled', []]);
  w.stop.abort();
});

test('a call that hangs is given up when a later one was answered', async () => {
  let hang = true;
  const w = world({}, (link) => ({
    ...link,
    claim: (request, o) => {
      if (!hang) return link.claim(request, o);
      hang = false;
      return new Promise(() => {});
    },
  }));
  const id = w.dispatcher.enqueue('code.build.test');
  void w.start();
  // The first beat goes out beside the claim; the second one, four seconds later, shows that the network is there.
  await w.clock.advance(4_600);
  assert.deepEqual(w.manual.started, [id]);
  w.stop.abort();
});

test('an outage of minutes costs an idle worker at most a few seconds after its end', async () => {
  const w = world();
  void w.start();
  await w.clock.advance(10_000);
  w.dispatcher.down = away;
  await w.clock.advance(600_000);
  const id = w.dispatcher.enqueue('code.build.test');
  w.dispatcher.down = null;
  await w.clock.advance(5_000);
  assert.deepEqual(w.manual.started, [id]);
  w.stop.abort();
});

test('only the types the worker is narrowed to are claimed', async () => {
  const w = world({ includeTypes: ['code.build.test'] });
  const other = w.dispatcher.enqueue('code.debug');
  const mine = w.dispatcher.enqueue('code.build.test');
  void w.start();
  await w.clock.advance(0);
  assert.deepEqual(w.manual.started, [mine]);
  assert.equal(w.state(other).state, 'queued');
  w.stop.abort();
});
