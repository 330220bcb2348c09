import type { CallRpc } from '@cogo/spec/rpc.ts';
import type { Result } from '@cogo/spec/result.ts';
import type { ClaimedJob } from '../client/worker_link.ts';
import type { Outcome } from '../executors/executor.ts';

export interface PlanContext {
  /** The database as the executor: it may read the job's project. */
  rpc: CallRpc;
  /** Aborts when the job has to stop: cancelled, lost, or handed back before a limit. What is not a step by then is done again. */
  signal: AbortSignal;
  /**
   * Does a part of the job once: its output is stored before the next part begins, and a later attempt gets it without
   * doing the work. The output must be JSON of at most some hundred KB. A failed step is not stored.
   */
  step<T>(name: string, work: () => Promise<Result<T>>): Promise<Result<T>>;
  /** The latest wins; sent with a beat. */
  progress(progress: Record<string, unknown>): void;
}

/** Does the jobs of one type of `cogo-plan`, in steps. Runs in an Edge Function as well as on a server: no Node or Deno API. */
export interface PlanHandler {
  readonly type: string;
  run(job: ClaimedJob, context: PlanContext): Promise<Outcome>;
}
