// What executors call.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { anyJob, command, EXECUTORS, has, newRows, speak, type Which } from './command.ts';
import { isOver, type Model, type ModelJob } from './model.ts';
import { type Claimed, type JobRow, type RealQueue, TOKEN_WORKER } from './queue.ts';

const nat = fc.nat(11);
const executor = fc.constantFrom(...EXECUTORS);
const server = fc.constantFrom(...EXECUTORS.filter((one) => one !== TOKEN_WORKER));
const which = fc.constantFrom<Which>('live', 'live', 'live', 'live', 'stale', 'unknown');
const which1 = fc.constantFrom<Which>('live', 'live', 'stale');
const always = () => true;

/** Whether an executor may take this row now. */
function reaches(model: Model, real: RealQueue, who: string, types: string[] | null, row: JobRow): boolean {
  if (row.state !== 'queued' && row.blocked_on !== 'turn') return false;
  if (types && !types.some((t) => (t.endsWith('.*') ? row.type.startsWith(t.slice(0, -1)) : t === row.type)))
    return false;
  if (who === TOKEN_WORKER && row.project_id !== real.projects[0]) return false;
  if (row.pinned_executor_id !== null) return row.pinned_executor_id === who;
  // an executor of the server that has not registered serves every lane
  const kind = model.executors.has(who) || who === TOKEN_WORKER ? who.split('.')[0]! : null;
  return kind === null || row.lane.startsWith(`${kind}/`);
}

/** Takes what a claim answers into the model. */
export function granted(model: Model, who: string, leases: readonly Claimed[]): void {
  assert.equal(new Set(leases.map((lease) => lease.job_id)).size, leases.length, 'one job twice in a claim');
  const highest = model.highestToken;
  for (const lease of leases) {
    const job = model.job(lease.job_id);
    assert.ok(job, 'a claim gave a job nobody enqueued');
    assert.equal(job.state, 'waiting', 'a claim gave a job that was not waiting');
    assert.equal(job.awaiting, false, 'a claim gave a job whose children are not over');
    assert.ok(job.pin === null || job.pin === who, 'a claim gave a job pinned to another executor');
    assert.ok(BigInt(lease.token) > highest, 'a token was granted twice');
    assert.equal(lease.cancel_requested, job.cancelRequested);
    if (job.checkpoint !== undefined) assert.deepEqual(lease.checkpoint, job.checkpoint, 'checkpoint');
    assert.deepEqual(lease.steps ?? {}, Object.fromEntries(job.steps), 'steps of earlier attempts');
    if (job.granted.length > 0) knowsChildren(model, job, lease);
    model.grant(job, lease.token, who);
  }
}

function knowsChildren(model: Model, job: ModelJob, lease: Claimed): void {
  const told = new Map((lease.children ?? []).map((child) => [child.job_id, child]));
  assert.deepEqual(
    [...told.keys()].sort(),
    model
      .children(job.id)
      .map((child) => child.id)
      .sort(),
  );
  for (const child of model.children(job.id)) {
    const { state, result } = told.get(child.id)!;
    if (isOver(child)) assert.equal(state, child.state);
    if (child.state === 'succeeded') assert.equal(result?.by, child.granted.at(-1));
  }
}

const narrow = fc.constantFrom<string[] | null>(null, null, null, ['code.*'], ['research.run', 'index.file']);
const epoch = fc.constantFrom<'none' | 'now' | 'old'>('none', 'now', 'now', 'old');

function epochOf(model: Model, who: string, said: 'none' | 'now' | 'old'): number | null {
  const known = model.executors.get(who);
  return !known || said === 'none' ? null : known.epoch - (said === 'old' ? 1 : 0);
}

export const claim = fc
  .record({ who: executor, qty: fc.integer({ min: 1, max: 4 }), types: narrow, epoch })
  .map((o) =>
    command('claim', JSON.stringify(o), always, async (model, real) => {
      const { who, qty, types } = o;
      const said = epochOf(model, who, o.epoch);
      if (said !== null && said < model.executors.get(who)!.epoch) {
        assert.equal(await real.refusal(real.claim(who, qty, { epoch: said })), 'CG025');
        return;
      }
      model.heard(who);
      const there = (await real.jobs()).filter((row) => reaches(model, real, who, types, row));
      const queued = there.filter((row) => row.state === 'queued');
      const leases = await real.claim(who, qty, { types, epoch: said });
      // who waits for a turn may be seen only after the next sweep; what is queued is seen at once
      const least = Math.min(qty, model.settled ? there.length : queued.length);
      assert.ok(leases.length >= least, `${leases.length} of ${least} ready jobs were reached by a claim`);
      assert.ok(leases.length <= Math.min(qty, there.length));
      const mine = new Set(there.map((row) => row.id));
      for (const lease of leases)
        assert.ok(mine.has(lease.job_id), 'a claim gave a job of another lane, type or project');
      granted(model, who, leases);
    }),
  );

const news = fc.option(fc.record({ name: fc.constantFrom('a', 'a', 'b'), output: fc.nat(9) }), { freq: 5 });

function keepStep(job: ModelJob, step: { name: string; output: number } | null): void {
  if (step && !job.steps.has(step.name)) job.steps.set(step.name, step.output);
}

export const beat = fc.tuple(nat, which, server, news, epoch).map(([nth, token, who, step, said]) =>
  command('beat', `${nth}, ${token}, ${who}, ${said}`, has(token), async (model, real) => {
    const given = epochOf(model, who, said);
    const body = step ? { steps: [step] } : {};
    if (given !== null && given < model.executors.get(who)!.epoch) {
      const job = model.pick(nth);
      const answer = await real.beat(who, { job_id: job.id, token: job.token ?? '0', ...body }, given);
      assert.deepEqual(answer, [{ job_id: job.id, verdict: 'lost' }]);
      return;
    }
    model.heard(who);
    await speak(
      model,
      { nth, which: token },
      (lease) => real.beat(who, { ...lease, ...body }, given),
      (job, answer) => {
        assert.equal(answer.verdict, job.cancelRequested ? 'cancel' : 'ok');
        job.lapsed = false;
        keepStep(job, step);
      },
    );
  }),
);

const children = fc.option(
  fc.record({
    n: fc.integer({ min: 1, max: 2 }),
    type: fc.constantFrom('code.debug', 'research.run'),
    concurrency_key: fc.option(fc.constantFrom('a', 'b'), { freq: 2 }),
  }),
  { freq: 2 },
);
const after = fc.record({ children, await: fc.boolean(), checkpoint: fc.option(fc.nat(9), { freq: 2 }) });
type After = typeof after extends fc.Arbitrary<infer T> ? T : never;

/** The fields of a call that asks for more than its end; a cancelled job asks for nothing. */
function more(o: After, job: ModelJob): object {
  if (job.cancelRequested) return {};
  const { n, type, concurrency_key } = o.children ?? { n: 0, type: '', concurrency_key: null };
  const child = { type, max_attempts: 2, ...(concurrency_key === null ? {} : { concurrency_key }) };
  return {
    ...(n > 0 ? { children: Array.from({ length: n }, () => child) } : {}),
    ...(o.await ? { await: true } : {}),
    ...(o.checkpoint === null ? {} : { checkpoint: { at: o.checkpoint } }),
  };
}

async function spawned(model: Model, real: RealQueue, job: ModelJob, o: After): Promise<void> {
  const rows = await newRows(model, real);
  assert.equal(rows.length, o.children?.n ?? 0, 'children of one call');
  for (const row of rows) {
    assert.equal(row.parent_id, job.id);
    const { project } = job;
    model.add({ id: row.id, project, type: row.type, key: row.concurrency_key, parent: job.id });
  }
}

export const finish = fc.tuple(nat, which, after).map(([nth, token, o]) =>
  command('finish', `${nth}, ${token}, ${JSON.stringify(o)}`, has(token), (model, real) =>
    speak(
      model,
      { nth, which: token },
      (lease, job) => real.finish({ ...lease, result: { by: lease.token }, ...more(o, job) }),
      async (job, answer) => {
        assert.equal(answer.verdict, job.cancelRequested ? 'cancelled' : 'ok');
        if (job.cancelRequested) return model.end(job, 'cancelled');
        await spawned(model, real, job, o);
        if (!o.await) return model.end(job, 'succeeded');
        if (o.checkpoint !== null) job.checkpoint = { at: o.checkpoint };
        model.await(job);
      },
    ),
  ),
);

/** A finish and a claim in one call: both or neither. */
export const turn = fc
  .record({ nth: nat, token: which, who: server, qty: fc.integer({ min: 1, max: 2 }), epoch })
  .map((o) =>
    command('turn', JSON.stringify(o), has(o.token), async (model, real) => {
      const { who, qty } = o;
      const said = epochOf(model, who, o.epoch);
      const old = said !== null && said < model.executors.get(who)!.epoch;
      let jobs: Claimed[] = [];
      await speak(
        model,
        { nth: o.nth, which: o.token },
        async (lease, job) => {
          const sent = real.turn(who, { ...lease, result: { by: lease.token } }, qty, said);
          if (old) {
            assert.equal(await real.refusal(sent), 'CG025');
            return [{ job_id: job.id, verdict: 'lost' }];
          }
          const answer = await sent;
          ({ jobs } = answer);
          return answer.verdicts;
        },
        (job, answer) => {
          if (old) return;
          assert.equal(answer.verdict, job.cancelRequested ? 'cancelled' : 'ok');
          model.end(job, job.cancelRequested ? 'cancelled' : 'succeeded');
        },
      );
      if (old) return;
      model.heard(who);
      assert.ok(jobs.length <= qty);
      granted(model, who, jobs);
    }),
  );

export const release = fc.tuple(nat, which, after, news).map(([nth, token, o, step]) =>
  command('release', `${nth}, ${token}, ${JSON.stringify(o)}`, has(token), (model, real) =>
    speak(
      model,
      { nth, which: token },
      (lease, job) => real.release({ ...lease, ...more(o, job), ...(step ? { steps: [step] } : {}) }),
      async (job, answer) => {
        assert.equal(answer.verdict, job.cancelRequested ? 'cancelled' : 'ok');
        if (job.cancelRequested) return model.end(job, 'cancelled');
        keepStep(job, step);
        await spawned(model, real, job, o);
        if (o.checkpoint !== null) job.checkpoint = { at: o.checkpoint };
        if (o.await) return model.await(job);
        job.releases++;
        model.end(job, 'waiting');
      },
    ),
  ),
);

export const fail = fc
  .tuple(nat, which, fc.boolean(), fc.constantFrom(0, 3600))
  .map(([nth, token, retryable, retry_after_s]) =>
    command('fail', `${nth}, ${token}, ${retryable}, ${retry_after_s}`, has(token), (model, real) =>
      speak(
        model,
        { nth, which: token },
        (lease) =>
          real.fail({ ...lease, error: { code: 'model', message: 'as it says' }, retryable, retry_after_s }),
        (job, answer) => {
          job.failures++;
          assert.equal(answer.verdict, job.cancelRequested ? 'cancelled' : 'ok');
          if (job.cancelRequested) return model.end(job, 'cancelled');
          model.end(job, !retryable || job.failures >= job.maxAttempts ? 'dead' : 'waiting');
        },
      ),
    ),
  );

/** Another project's worker token, and any other token, is told the lease is lost: batches mix both. */
export const finishMany = fc.tuple(nat, which1).map(([nth, token]) =>
  command('finish all but one', `${nth}, ${token}`, anyJob, async (model, real) => {
    const running = model.running();
    if (running.length === 0) return;
    const odd = model.pick(nth, running);
    const leases = running.map((job) => ({
      job_id: job.id,
      token: job === odd && token === 'stale' ? '1' : job.token!,
      result: { by: job.token },
    }));
    const answers = new Map(
      (
        await real.call<{ job_id: string; verdict: string }[]>('finish($1::text::jsonb)', [
          JSON.stringify(leases),
        ])
      ).map((answer) => [answer.job_id, answer.verdict]),
    );
    assert.equal(answers.size, running.length);
    for (const [i, job] of running.entries()) {
      const held = leases[i]!.token === job.token;
      assert.equal(answers.get(job.id), !held ? 'lost' : job.cancelRequested ? 'cancelled' : 'ok');
      if (held) model.end(job, job.cancelRequested ? 'cancelled' : 'succeeded');
    }
  }),
);

export const register = fc.tuple(server, fc.constantFrom('x', 'y')).map(([who, instance]) =>
  command('register', `${who}, ${instance}`, always, async (model, real) => {
    const known = model.executors.get(who);
    const { epoch: given } = await real.register(who, instance);
    if (!known) {
      assert.equal(given, 1);
      model.executors.set(who, { instance, epoch: 1, silent: false, dead: false });
      return;
    }
    if (known.instance !== instance) {
      known.epoch++;
      known.instance = instance;
      model.dropLeases(who);
    }
    known.silent = known.dead = false;
    assert.equal(given, known.epoch);
  }),
);
