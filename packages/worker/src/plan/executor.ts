import type { CallRpc } from '@cogo/spec/rpc.ts';
import { ok, type Result } from '@cogo/spec/result.ts';
import type { ClaimedJob, WorkerLink } from '../client/worker_link.ts';
import { refused, type Executor, type JobContext } from '../executors/executor.ts';
import type { PlanHandler } from './handler.ts';

/** Attempts that add no step before the job is given up: its next step is too large for where it runs. */
const FRUITLESS = 8;

/**
 * A handler as an executor of the worker's loop: steps are stored through the link as they are done. A job that is handed
 * back again and again without one more step becomes a dead letter (timeout), as does one whose result is not JSON
 * (validation_failed).
 */
export function planExecutor(handler: PlanHandler, o: { link: WorkerLink; rpc: CallRpc }): Executor {
  return {
    type: handler.type,
    async run(job, context) {
      const done = Object.keys(job.steps).length;
      if (job.attempt > done + FRUITLESS) {
        return refused(
          'timeout',
          'timeout',
          `${job.attempt - 1} attempts brought ${done} steps: the next one does not fit the limits of its executor. Make it smaller, or run cogo-plan on a server.`,
        );
      }
      const outcome = await handler.run(job, {
        rpc: o.rpc,
        signal: context.signal,
        step: (name, work) => step(job, context, o.link, name, work),
        progress: context.progress,
      });
      return outcome.kind === 'finished' && !isJson(outcome.result)
        ? refused('validation_failed', 'validation_failed', `The result of ${job.type} is not JSON.`)
        : outcome;
    },
  };
}

async function step<T>(
  job: ClaimedJob,
  context: JobContext,
  link: WorkerLink,
  name: string,
  work: () => Promise<Result<T>>,
): Promise<Result<T>> {
  if (Object.hasOwn(job.steps, name)) return ok(job.steps[name] as T);
  const made = await work();
  if (!made.ok || context.signal.aborted) return made;
  const { jobId, token } = job;
  const kept = await link.beat([{ jobId, token, steps: [{ name, output: made.value }] }]);
  // Not stored means done again by a later attempt, if there is one: no reason to stop this one.
  if (!kept.ok) {
    context.log('warn', `the step ${name} was not stored: ${kept.error.message}`, { job_id: jobId });
  }
  context.progress({ step: name });
  return made;
}

/** Whether a value arrives as itself in the database: `undefined`, functions, bigints and circles do not. */
function isJson(value: unknown): boolean {
  try {
    return JSON.stringify(value) !== undefined;
  } catch {
    return false;
  }
}
