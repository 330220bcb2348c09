import type { ArtifactStore } from '@cogo/client/artifact_store.ts';
import type { CallRpc } from '@cogo/spec/rpc.ts';
import { refused, type Executor } from '../executors/executor.ts';
import { StepFailure, type PlanHandler } from './handler.ts';

/** Attempts that add no step before the job is given up: its next step is too large for where it runs. */
const FRUITLESS = 8;

/**
 * A handler as an executor of the worker's loop. A job that is handed back again and again without one more step becomes a dead
 * letter (timeout), as does one whose result is not JSON (validation_failed).
 */
export function planExecutor(handler: PlanHandler, rpc: CallRpc, store: ArtifactStore | null): Executor {
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
      try {
        const outcome = await handler.run(job, { ...context, rpc, store });
        return outcome.kind === 'finished' && !isJson(outcome.result)
          ? refused('validation_failed', 'validation_failed', `The result of ${job.type} is not JSON.`)
          : outcome;
      } catch (thrown) {
        if (!(thrown instanceof StepFailure)) throw thrown;
        const { code, message, retryable } = thrown.error;
        const reason = retryable ? 'dependency_unavailable' : 'validation_failed';
        return { kind: 'failed', error: { code, message, reason }, retryable };
      }
    },
  };
}

/** Whether a value arrives as itself in the database: `undefined`, functions, bigints and circles do not. */
function isJson(value: unknown): boolean {
  try {
    return JSON.stringify(value) !== undefined;
  } catch {
    return false;
  }
}
