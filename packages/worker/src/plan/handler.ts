import type { CogoError } from '@cogo/spec/errors.ts';
import type { ArtifactStore } from '@cogo/client/artifact_store.ts';
import type { Result } from '@cogo/spec/result.ts';
import type { CallRpc } from '@cogo/spec/rpc.ts';
import type { ClaimedJob } from '../client/worker_link.ts';
import type { JobContext, Outcome } from '../executors/executor.ts';

export interface PlanContext extends JobContext {
  /** The database as the executor: it may read the job's project. */
  rpc: CallRpc;
  /** The bucket of artifacts, as the executor; null where none is configured. */
  store: ArtifactStore | null;
}

/**
 * Does the jobs of one type of `cogo-plan`. Runs in an Edge Function as well as on a server: no Node or Deno API. What is not a
 * step when a limit of the function comes near is done again by a later attempt.
 */
export interface PlanHandler {
  readonly type: string;
  /** Only for a consumer that holds the secret key. */
  readonly server?: true;
  /** May throw `StepFailure`. */
  run(job: ClaimedJob, context: PlanContext): Promise<Outcome>;
}

/** Ends a job from within a step, which is not stored; whether a retry may help is the error's to say. */
export class StepFailure extends Error {
  readonly error: CogoError;
  constructor(error: CogoError) {
    super(error.message);
    this.error = error;
  }
}

/** The value, or a StepFailure. */
export function valueOrFail<T>(got: Result<T>): T {
  if (!got.ok) throw new StepFailure(got.error);
  return got.value;
}
