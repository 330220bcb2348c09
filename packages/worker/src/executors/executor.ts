import type { ClaimedJob } from '../client/worker_link.ts';
import type { Clock } from '../clock.ts';
import type { WorkerLog } from '../log.ts';

/** Why a job is dead: the reasons of the dead letters. */
export type FailureReason =
  | 'parse_error'
  | 'validation_failed'
  | 'dependency_unavailable'
  | 'timeout'
  | 'policy_violation'
  | 'infrastructure_failure';

/**
 * `finished`: there is a result, good or bad (a build that fails is a result). `failed`: the job itself could not be
 * done; a retry may help or not.
 */
export type Outcome =
  | { kind: 'finished'; result: unknown }
  | {
      kind: 'failed';
      error: { code: string; message: string; reason: FailureReason };
      retryable: boolean;
      retryAfterS?: number;
    };

export interface JobContext {
  /** Aborts when the job has to stop: cancelled, lease lost or no longer sure of it, or the worker ends. */
  signal: AbortSignal;
  clock: Clock;
  log: WorkerLog;
  /** The latest wins; sent with a beat, at most twice a second. */
  progress(progress: Record<string, unknown>): void;
  /** Lines for `job_events`; bounded, the oldest are dropped. */
  say(text: string): void;
}

/** Does the jobs of one type. May throw: that counts as an infrastructure failure, retryable. */
export interface Executor {
  readonly type: string;
  run(job: ClaimedJob, context: JobContext): Promise<Outcome>;
}

export function refused(
  code: string,
  reason: FailureReason,
  message: string,
): Extract<Outcome, { kind: 'failed' }> {
  return { kind: 'failed', error: { code, message, reason }, retryable: false };
}
