import type { ChildResult, ClaimedJob } from '../client/worker_link.ts';
import type { Clock } from '../clock.ts';
import type { WorkerLog } from '../log.ts';
import type { TypePolicy } from '../policy.ts';

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

/** A job to make as a child: an item of `enqueue`. `key` makes it idempotent over other parents too. */
export interface ChildJob {
  type: string;
  payload?: unknown;
  priority?: 0 | 1 | 2;
  delay_s?: number;
  key?: string;
  max_attempts?: number;
}

export interface JobContext {
  /** Aborts when the job has to stop: cancelled, lease lost or no longer sure of it, or the worker ends. */
  signal: AbortSignal;
  clock: Clock;
  log: WorkerLog;
  /** What the machine's owner allows jobs of this type. */
  policy: TypePolicy;
  /** The latest wins; sent with a beat, at most twice a second. */
  progress(progress: Record<string, unknown>): void;
  /** Lines for `job_events`; bounded, the oldest are dropped. */
  say(text: string): void;
  /**
   * Runs `body` unless an earlier attempt of the job got past it; then answers what that attempt stored. Resolves once the
   * output (JSON) is stored: what follows may rely on it. Rejects with what `body` throws, or when the lease is lost.
   */
  step<T>(name: string, body: () => Promise<T> | T): Promise<T>;
  /**
   * Child jobs, made in the transaction that ends this attempt well: `awaitChildren` or a finished outcome. `name` is a
   * step: an attempt after the one that made them makes none.
   */
  spawn(name: string, children: ChildJob[]): void;
  /**
   * The results of all children, in the order they were made. While one is not over it never resolves: the attempt is
   * ended by a rejection that must not be caught, the job waits without a slot, and a later attempt gets here again.
   */
  awaitChildren(checkpoint?: unknown): Promise<ChildResult[]>;
}

/** Does the jobs of one type. May throw: that counts as an infrastructure failure, retryable. */
export interface Executor {
  /** Exact, or a prefix ending in `.*`. */
  readonly type: string;
  run(job: ClaimedJob, context: JobContext): Promise<Outcome>;
}

/** The executor of a type: an exact one before one by prefix. */
export function executorOf(executors: readonly Executor[], type: string): Executor | null {
  const byPrefix = (each: Executor) => each.type.endsWith('.*') && type.startsWith(each.type.slice(0, -1));
  return executors.find((each) => each.type === type) ?? executors.find(byPrefix) ?? null;
}

/** An outcome whose result is what JSON makes of it; a result that JSON cannot hold is a failure with its reason. */
export function asJson(outcome: Outcome): Outcome {
  if (outcome.kind !== 'finished') return outcome;
  try {
    return { kind: 'finished', result: JSON.parse(JSON.stringify(outcome.result) ?? 'null') };
  } catch (error) {
    const why = (error as Error).message.split('\n')[0];
    return refused('validation_failed', 'validation_failed', `The result of the job is no JSON: ${why}.`);
  }
}

export function refused(
  code: string,
  reason: FailureReason,
  message: string,
): Extract<Outcome, { kind: 'failed' }> {
  return { kind: 'failed', error: { code, message, reason }, retryable: false };
}
