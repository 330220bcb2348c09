// The commands of the claim protocol. Each says what the model expects of the real queue, and looks at all invariants afterwards.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { MAX_LOSSES, type Model, type ModelJob } from './model.ts';
import type { Claimed, RealQueue, Verdict } from './queue.ts';

type Command = fc.AsyncCommand<Model, RealQueue>;

const EXECUTORS = ['cogo-work.m1', 'cogo-work.m2', 'cogo-plan.m3'] as const;
const WAITING = ['scheduled', 'blocked', 'queued'];

/** Which token a worker comes with: the live one, one from before, or one that was never granted. */
type Which = 'live' | 'stale' | 'unknown';

function command(
  name: string,
  check: (model: Model) => boolean,
  run: (model: Model, real: RealQueue) => Promise<void>,
): Command {
  return {
    check: (model) => check(model),
    async run(model, real) {
      await run(model, real);
      await holds(model, real);
    },
    toString: () => name,
  };
}

/** The invariants that hold after every command. */
export async function holds(model: Model, real: RealQueue): Promise<void> {
  assert.deepEqual(await real.violations(), []);
  const rows = new Map((await real.jobs()).map((row) => [row.id, row]));
  assert.equal(rows.size, model.jobs.length, 'a job is lost, or one appeared');
  for (const job of model.jobs) {
    const row = rows.get(job.id);
    assert.ok(row, `job ${job.id} is lost`);
    const state = WAITING.includes(row.state) ? 'waiting' : row.state;
    assert.equal(state, job.state, `state of ${job.id}`);
    assert.equal(row.lease_token, job.token, `live token of ${job.id}`);
    assert.equal(row.pinned_executor_id, job.pin, `pin of ${job.id}`);
  }
}

const always = () => true;
const anyJob = (model: Model) => model.jobs.length > 0;

function tokenOf(job: ModelJob, which: Which): string {
  if (which === 'live' && job.token) return job.token;
  if (which === 'unknown') return '9000000000000000000';
  const stale = job.granted.filter((token) => token !== job.token);
  return stale.at(-1) ?? '0';
}

/** Whether the job has such a token now. */
const has = (which: Which, nth: number) => (model: Model) =>
  anyJob(model) && (which !== 'live' || model.pick(nth).token !== null);

async function speak(
  model: Model,
  o: { nth: number; which: Which },
  call: (lease: Claimed) => Promise<Verdict[]>,
  accepted: (job: ModelJob, verdict: Verdict) => void,
): Promise<void> {
  const job = model.pick(o.nth);
  const token = tokenOf(job, o.which);
  const answers = await call({ job_id: job.id, token });
  assert.equal(answers.length, 1);
  const [answer] = answers as [Verdict];
  assert.equal(answer.job_id, job.id);
  if (job.token === null || token !== job.token) assert.equal(answer.verdict, 'lost');
  else accepted(job, answer);
}

const nat = fc.nat(11);
const executor = fc.constantFrom(...EXECUTORS);
const which = fc.constantFrom<Which>('live', 'live', 'live', 'stale', 'unknown');

const enqueue = fc
  .record({
    type: fc.constantFrom('code.debug', 'quality.model'),
    priority: fc.nat(2),
    concurrency: fc.option(fc.constantFrom('a', 'b'), { freq: 2 }),
    pin: fc.option(executor, { freq: 4 }),
    delayed: fc.boolean(),
    key: fc.option(fc.constantFrom('k1', 'k2'), { freq: 2 }),
  })
  .map((o) =>
    command(`enqueue(${JSON.stringify(o)})`, always, async (model, real) => {
      const input = {
        type: o.type,
        priority: o.priority,
        max_attempts: 2,
        ...(o.concurrency ? { concurrency_key: o.concurrency } : {}),
        ...(o.pin ? { pin: o.pin } : {}),
        ...(o.delayed ? { delay_s: 3600 } : {}),
      };
      const text = JSON.stringify(input);
      const before = o.key === null ? undefined : model.keys.get(o.key);
      const sent = real.enqueue({ ...input, ...(o.key ? { key: o.key } : {}) });
      if (before && before.input !== text) {
        assert.equal(await real.refusal(sent), 'CG023');
        return;
      }
      const [made] = await sent;
      assert.equal(made!.duplicate, before !== undefined);
      if (before) assert.equal(made!.job_id, before.id);
      else {
        model.add(made!.job_id, { maxAttempts: 2, pin: o.pin, key: o.concurrency });
        if (o.key) model.keys.set(o.key, { id: made!.job_id, input: text });
      }
    }),
  );

const claim = fc.tuple(executor, fc.integer({ min: 1, max: 4 })).map(([who, qty]) =>
  command(`claim(${who}, ${qty})`, always, async (model, real) => {
    const ready = (await real.jobs()).filter(
      (row) => row.state === 'queued' && (row.pinned_executor_id === null || row.pinned_executor_id === who),
    );
    const leases = await real.claim(who, qty);
    assert.equal(leases.length, Math.min(qty, ready.length), 'a queued job was not reached by a claim');
    assert.equal(new Set(leases.map((lease) => lease.job_id)).size, leases.length);
    const highest = model.highestToken;
    for (const lease of leases) {
      const job = model.jobs.find((one) => one.id === lease.job_id);
      assert.ok(job, 'a claim gave a job nobody enqueued');
      assert.equal(job.state, 'waiting', 'a claim gave a job that was not waiting');
      assert.ok(job.pin === null || job.pin === who, 'a claim gave a job pinned to another executor');
      assert.ok(BigInt(lease.token) > highest, 'a token was granted twice');
      model.grant(job, lease.token);
    }
    for (const key of new Set(model.jobs.map((job) => job.key).filter((one) => one !== null))) {
      const running = model.jobs.filter((job) => job.key === key && job.state === 'running');
      assert.ok(running.length <= 1, `${running.length} jobs of key ${key} run`);
    }
  }),
);

const beat = fc.tuple(nat, which, executor).map(([nth, token, who]) =>
  command(`beat(${nth}, ${token})`, has(token, nth), (model, real) =>
    speak(
      model,
      { nth, which: token },
      (lease) => real.beat(who, lease),
      (job, answer) => {
        assert.equal(answer.verdict, job.cancelRequested ? 'cancel' : 'ok');
        job.lapsed = false;
      },
    ),
  ),
);

const finish = fc.tuple(nat, which).map(([nth, token]) =>
  command(`finish(${nth}, ${token})`, has(token, nth), (model, real) =>
    speak(
      model,
      { nth, which: token },
      (lease) => real.finish(lease, { by: lease.token }),
      (job, answer) => {
        assert.equal(answer.verdict, job.cancelRequested ? 'cancelled' : 'ok');
        model.end(job, job.cancelRequested ? 'cancelled' : 'succeeded');
      },
    ),
  ),
);

const fail = fc
  .tuple(nat, which, fc.boolean(), fc.constantFrom(0, 3600))
  .map(([nth, token, retryable, after]) =>
    command(
      `fail(${nth}, ${token}, retryable ${retryable}, after ${after})`,
      has(token, nth),
      (model, real) =>
        speak(
          model,
          { nth, which: token },
          (lease) => real.fail(lease, retryable, after),
          (job, answer) => {
            job.failures++;
            if (job.cancelRequested) {
              assert.equal(answer.verdict, 'cancelled');
              return model.end(job, 'cancelled');
            }
            assert.equal(answer.verdict, 'ok');
            model.end(job, !retryable || job.failures >= job.maxAttempts ? 'dead' : 'waiting');
          },
        ),
    ),
  );

const release = fc.tuple(nat, which).map(([nth, token]) =>
  command(`release(${nth}, ${token})`, has(token, nth), (model, real) =>
    speak(
      model,
      { nth, which: token },
      (lease) => real.release(lease),
      (job, answer) => {
        assert.equal(answer.verdict, job.cancelRequested ? 'cancelled' : 'ok');
        model.end(job, job.cancelRequested ? 'cancelled' : 'waiting');
      },
    ),
  ),
);

const cancel = nat.map((nth) =>
  command(`cancel(${nth})`, anyJob, async (model, real) => {
    const job = model.pick(nth);
    const sent = real.cancel(job.id);
    if (job.state === 'succeeded' || job.state === 'dead') {
      assert.equal(await real.refusal(sent), 'CG022');
      return;
    }
    await sent;
    job.cancelRequested = true;
    if (job.state === 'waiting') model.end(job, 'cancelled');
  }),
);

const redrive = nat.map((nth) =>
  command(`redrive(${nth})`, anyJob, async (model, real) => {
    const job = model.pick(nth);
    const sent = real.redrive(job.id);
    if (job.state !== 'dead') {
      assert.equal(await real.refusal(sent), 'CG022');
      return;
    }
    const made = await sent;
    assert.equal(made.duplicate, job.redrivenTo !== null);
    if (job.redrivenTo) assert.equal(made.job_id, job.redrivenTo);
    else {
      job.redrivenTo = made.job_id;
      model.add(made.job_id, { maxAttempts: job.maxAttempts, pin: job.pin, key: job.key });
    }
  }),
);

const pin = fc.tuple(nat, fc.option(executor)).map(([nth, who]) =>
  command(`pin(${nth}, ${who})`, anyJob, async (model, real) => {
    const job = model.pick(nth);
    const sent = real.pin(job.id, who);
    if (job.state !== 'waiting') {
      assert.equal(await real.refusal(sent), 'CG022');
      return;
    }
    await sent;
    job.pin = who;
  }),
);

const lapse = nat.map((nth) =>
  command(`lapse(${nth})`, has('live', nth), async (model, real) => {
    const job = model.pick(nth);
    await real.lapse(job.id);
    job.lapsed = true;
  }),
);

const sweep = fc.boolean().map((delaysEnd) =>
  command(delaysEnd ? 'delays end, sweep' : 'sweep', always, async (model, real) => {
    if (delaysEnd) await real.endDelays();
    await real.sweep();
    swept(model);
  }),
);

const purge = fc.constant(0).map(() => command('purge and rebuild', always, (_, real) => real.purge()));

/** What a sweep does to leases that ran out. */
export function swept(model: Model): void {
  for (const job of model.jobs.filter((one) => one.lapsed)) {
    job.losses++;
    if (job.cancelRequested) model.end(job, 'cancelled');
    else model.end(job, job.losses >= MAX_LOSSES ? 'dead' : 'waiting');
  }
}

/** All commands, the frequent ones more than once. */
export const COMMANDS: fc.Arbitrary<Command>[] = [
  ...[enqueue, enqueue, claim, claim, claim, beat, finish, finish, fail, fail, release],
  ...[cancel, redrive, pin, lapse, lapse, sweep, sweep, purge],
];

/**
 * Works off whatever is left. Every job must come to an end: a queued job that no claim reaches, a blocked one that nobody
 * admits and a scheduled one that nobody wakes would each be found here.
 */
export async function drain(model: Model, real: RealQueue): Promise<void> {
  for (let round = 0; model.jobs.some((job) => job.state === 'waiting' || job.state === 'running'); round++) {
    assert.ok(round < 200, 'the queue does not drain');
    for (const job of model.jobs.filter((one) => one.token !== null)) {
      await real.finish({ job_id: job.id, token: job.token! }, { by: job.token });
      model.end(job, job.cancelRequested ? 'cancelled' : 'succeeded');
    }
    await real.endDelays();
    await real.sweep();
    for (const who of EXECUTORS) {
      for (const lease of await real.claim(who, 10)) {
        model.grant(model.jobs.find((job) => job.id === lease.job_id)!, lease.token);
      }
    }
  }
  await holds(model, real);
  for (const job of model.jobs.filter((one) => one.state === 'succeeded')) {
    const { result } = await real.result(job.id);
    assert.equal(result?.by, job.granted.at(-1), `the result of ${job.id} is not of its last token`);
  }
}
