import assert from 'node:assert/strict';
import type fc from 'fast-check';
import { holds } from './invariants.ts';
import type { Model, ModelJob } from './model.ts';
import type { JobRow, RealQueue, Verdict } from './queue.ts';

export type Command = fc.AsyncCommand<Model, RealQueue> & { verb: string };

export const EXECUTORS = ['cogo-work.m1', 'cogo-work.m2', 'cogo-plan.m3', 'cogo-work.t4'] as const;

/** A call of one verb, with what the model expects of it; all invariants are looked at afterwards. */
export function command(
  verb: string,
  detail: string,
  check: (model: Model) => boolean,
  run: (model: Model, real: RealQueue) => Promise<void>,
): Command {
  return {
    verb,
    check: (model) => check(model),
    async run(model, real) {
      await run(model, real);
      await holds(model, real);
    },
    toString: () => `${verb}(${detail})`,
  };
}

/** Which token a worker comes with: the live one, one from before, or one that was never granted. */
export type Which = 'live' | 'stale' | 'unknown';

function tokenOf(job: ModelJob, which: Which): string {
  if (which === 'live' && job.token) return job.token;
  if (which === 'unknown') return '9000000000000000000';
  const stale = job.granted.filter((token) => token !== job.token);
  return stale.at(-1) ?? '0';
}

export const anyJob = (model: Model) => model.jobs.length > 0;

/** Jobs a call with such a token may be about: for stale ones preferably those that had one. */
function candidates(model: Model, which: Which): ModelJob[] {
  if (which === 'live') return model.running();
  const had = model.jobs.filter((job) => job.granted.some((token) => token !== job.token));
  return which === 'stale' && had.length > 0 ? had : model.jobs;
}

/** Whether there is a job with such a token. */
export const has = (which: Which) => (model: Model) => candidates(model, which).length > 0;

/** A worker speaks for a job: a token that is not the live one is told so and changes nothing. */
export async function speak(
  model: Model,
  o: { nth: number; which: Which },
  call: (lease: { job_id: string; token: string }, job: ModelJob) => Promise<Verdict[]>,
  accepted: (job: ModelJob, verdict: Verdict) => Promise<void> | void,
): Promise<void> {
  const job = model.pick(o.nth, candidates(model, o.which));
  const token = tokenOf(job, o.which);
  const answers = await call({ job_id: job.id, token }, job);
  assert.equal(answers.length, 1);
  const [answer] = answers as [Verdict];
  assert.equal(answer.job_id, job.id);
  if (job.token === null || token !== job.token) assert.equal(answer.verdict, 'lost');
  else await accepted(job, answer);
}

/** Rows of jobs the model does not know yet, in the order they were made. */
export async function newRows(model: Model, real: RealQueue): Promise<JobRow[]> {
  const known = new Set(model.jobs.map((job) => job.id));
  return (await real.jobs()).filter((row) => !known.has(row.id)).sort((a, b) => (a.id < b.id ? -1 : 1));
}
