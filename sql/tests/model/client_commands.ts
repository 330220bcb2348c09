// What people and their programs call: enqueue, cancel, redrive, pin, limits.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { anyJob, command, EXECUTORS } from './command.ts';
import { isOver, type Model, type ModelJob } from './model.ts';
import { type RealQueue, TOKEN_WORKER } from './queue.ts';

const nat = fc.nat(11);
const always = () => true;

/** Nobody but the first project's jobs can be pinned to its worker: no claim would ever reach them. */
const pinFor = (project: number, who: string | null) => (project !== 0 && who === TOKEN_WORKER ? null : who);
const READY_SHARE = 2;

export const enqueue = fc
  .record({
    project: fc.constantFrom(0, 0, 1),
    type: fc.constantFrom('code.debug', 'code.debug', 'research.run', 'index.file'),
    priority: fc.constantFrom(1, 1, 0, 2),
    concurrency: fc.option(fc.constantFrom('a', 'b'), { freq: 2 }),
    pin: fc.option(fc.constantFrom(...EXECUTORS), { freq: 4 }),
    delayed: fc.constantFrom(false, false, true),
    key: fc.option(fc.constantFrom('k1', 'k2'), { freq: 2 }),
    below: fc.option(nat, { freq: 3 }),
  })
  .map((o) =>
    command('enqueue', JSON.stringify(o), always, async (model, real) => {
      const parents = model.jobs.filter((job) => job.project === o.project && !isOver(job));
      const parent = o.below === null || parents.length === 0 ? null : model.pick(o.below, parents);
      const pinned = pinFor(o.project, o.pin);
      const input = {
        type: o.type,
        priority: o.priority,
        max_attempts: 2,
        ...(o.concurrency ? { concurrency_key: o.concurrency } : {}),
        ...(pinned ? { pin: pinned } : {}),
        ...(o.delayed ? { delay_s: 3600 } : {}),
        ...(parent ? { parent_id: parent.id } : {}),
      };
      const text = JSON.stringify(input);
      const name = `${o.project}/${o.key}`;
      const before = o.key === null ? undefined : model.keys.get(name);
      const ready = await readyList(real, o.project, `/default/${o.priority}`, o.type);
      const sent = real.enqueue(o.project, [{ ...input, ...(o.key ? { key: o.key } : {}) }]);
      if (before && before.input !== text) {
        assert.equal(await real.refusal(sent), 'CG023');
        return;
      }
      const [made] = await sent;
      assert.equal(made!.duplicate, before !== undefined);
      if (before) {
        assert.equal(made!.job_id, before.id);
        return;
      }
      model.settled = false;
      const shape = {
        project: o.project,
        type: o.type,
        pin: pinned,
        key: o.concurrency,
        parent: parent?.id ?? null,
      };
      model.add({ id: made!.job_id, ...shape });
      if (o.key) model.keys.set(name, { id: made!.job_id, input: text });
      if (o.project !== 0 || o.concurrency || pinned || o.delayed || o.type === 'index.file') return;
      const full = ready.queued >= READY_SHARE || ready.turns > 0;
      assert.equal(
        made!.state,
        full ? 'blocked' : 'queued',
        'a project has its share of the ready list and no more',
      );
    }),
  );

/** Several plain jobs in a call: the first project's beyond its share wait for their turn. */
export const enqueueMany = fc
  .record({ project: fc.constantFrom(0, 0, 0, 1), n: fc.integer({ min: 2, max: 5 }) })
  .map((o) =>
    command('enqueueMany', JSON.stringify(o), always, async (model, real) => {
      const ready = await readyList(real, o.project, '/default/1', 'code.debug');
      const job = { type: 'code.debug', max_attempts: 2 };
      const made = await real.enqueue(
        o.project,
        Array.from({ length: o.n }, () => job),
      );
      model.settled = false;
      for (const { job_id } of made) model.add({ id: job_id, project: o.project, type: job.type });
      const share = o.project === 0 ? READY_SHARE : 100;
      const room = ready.turns > 0 ? 0 : Math.max(0, share - ready.queued);
      const expected = made.map((_, i) => (i < room ? 'queued' : 'blocked'));
      assert.deepEqual(
        made.map(({ state }) => state),
        expected,
        'a project has its share of the ready list and no more',
      );
    }),
  );

/** Jobs of a project on the ready list of the lane of this type and band, and those that wait for their turn there. */
async function readyList(
  real: RealQueue,
  project: number,
  band: string,
  type: string,
): Promise<{ queued: number; turns: number }> {
  const kind = type === 'research.run' ? 'cogo-plan' : 'cogo-work';
  const rows = (await real.jobs()).filter(
    (row) => row.project_id === real.projects[project] && row.lane === `${kind}${band}`,
  );
  return {
    queued: rows.filter((row) => row.state === 'queued' && row.pinned_executor_id === null).length,
    turns: rows.filter((row) => row.blocked_on === 'turn').length,
  };
}

/** Ends it where it does not run, else asks it to stop. */
function cancelled(model: Model, job: ModelJob): void {
  job.cancelRequested = true;
  if (job.state === 'waiting') model.end(job, 'cancelled');
}

export const cancel = fc.tuple(nat, fc.boolean()).map(([nth, children]) =>
  command('cancel', `${nth}, ${children}`, anyJob, async (model, real) => {
    const job = model.pick(nth);
    const sent = real.cancel(job.id, children);
    if (job.state === 'succeeded' || job.state === 'dead') {
      assert.equal(await real.refusal(sent), 'CG022');
      return;
    }
    const family = children ? [job, ...model.below(job.id)] : [job];
    const due = family.filter((one) => !isOver(one) && !one.cancelRequested);
    const answer = await sent;
    assert.equal(answer.children, due.filter((one) => one !== job).length);
    for (const one of due) cancelled(model, one);
  }),
);

export const redrive = nat.map((nth) =>
  command('redrive', `${nth}`, anyJob, async (model, real) => {
    const dead = model.jobs.filter((one) => one.state === 'dead');
    const job = model.pick(nth, dead.length > 0 && nth % 4 > 0 ? dead : model.jobs);
    const sent = real.redrive(job.id);
    if (job.state !== 'dead') {
      assert.equal(await real.refusal(sent), 'CG022');
      return;
    }
    const made = await sent;
    assert.equal(made.duplicate, job.redrivenTo !== null);
    if (job.redrivenTo) {
      assert.equal(made.job_id, job.redrivenTo);
      return;
    }
    job.redrivenTo = made.job_id;
    model.settled = false;
    const { project, type, pin, key, parent } = job;
    model.add({ id: made.job_id, project, type, pin, key, parent, checkpoint: undefined });
  }),
);

export const pin = fc.tuple(nat, fc.option(fc.constantFrom(...EXECUTORS))).map(([nth, wanted]) =>
  command('pin', `${nth}, ${wanted}`, anyJob, async (model, real) => {
    const job = model.pick(nth);
    const who = pinFor(job.project, wanted);
    const sent = real.pin(job.id, who);
    if (job.state !== 'waiting') {
      assert.equal(await real.refusal(sent), 'CG022');
      return;
    }
    await sent;
    job.pin = who;
    model.settled = false;
  }),
);

export const limit = fc
  .tuple(fc.constantFrom(0, 1), fc.constantFrom('a', 'b'), fc.integer({ min: 1, max: 3 }))
  .map(([project, key, slots]) =>
    command('limit', `${project}, ${key}, ${slots}`, always, async (model, real) => {
      await real.limit(project, { kind: 'concurrency', key, slots });
      model.slots.set(`${project}/${key}`, slots);
      model.settled = false;
    }),
  );
