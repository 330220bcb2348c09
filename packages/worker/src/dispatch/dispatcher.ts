import type { Result } from '@cogo/spec/result.ts';
import type { CallRpc } from '@cogo/spec/rpc.ts';

/** An item of `enqueue`: see `cogo_api.enqueue`. */
export interface NewJob {
  type: string;
  payload?: unknown;
  priority?: number | undefined;
  delay_s?: number | undefined;
  key?: string | undefined;
  max_attempts?: number | undefined;
  executor?: string | undefined;
  pin?: string | undefined;
  concurrency_key?: string | undefined;
  rate_key?: string | undefined;
  parent_id?: string | undefined;
  trace_id?: string | undefined;
}

export interface Enqueued {
  job_id: string;
  state: string;
  /** The key had made this job before. */
  duplicate: boolean;
  batch_id?: string;
}

export interface Cancelled {
  job_id: string;
  state: string;
  cancel_requested: boolean;
  /** Below it, cancelled or asked to stop by this call. */
  children: number;
}

export interface Redriven {
  job_id: string;
  state: string;
  duplicate: boolean;
  redriven_from: string;
}

export interface DispatchOptions {
  signal?: AbortSignal;
}

/**
 * The side of those who want jobs done: enqueue -> the lane of the type -> its executors are woken. Errors: `validation_failed` an
 * unknown type or a field out of range, `payload_too_large`, `job_key_reused`, `quota_exceeded`, `not_found`, `illegal_transition`,
 * and those of the connection.
 */
export interface Dispatcher {
  enqueue(
    projectId: string,
    jobs: readonly NewJob[],
    o?: DispatchOptions & { batch?: { id?: string | undefined; name?: string | undefined } | undefined },
  ): Promise<Result<Enqueued[]>>;
  /** With all that is below it and not over, unless `children` is false. */
  cancel(jobId: string, o?: DispatchOptions & { children?: boolean }): Promise<Result<Cancelled>>;
  /** Makes a new job of a dead one; again answers the one made then. */
  redrive(jobId: string, o?: DispatchOptions): Promise<Result<Redriven>>;
}

/** Dispatcher over `cogo_api`, embedded, on an own Postgres or hosted: whatever the Rpc reaches, as its caller. */
export function rpcDispatcher(rpc: CallRpc): Dispatcher {
  const signalOf = (o: DispatchOptions) => (o.signal ? { signal: o.signal } : {});
  return {
    enqueue: (project_id, jobs, o = {}) =>
      rpc.call('enqueue', { project_id, jobs, ...(o.batch ? { batch: o.batch } : {}) }, signalOf(o)),
    cancel: (job_id, o = {}) => rpc.call('cancel', { job_id, children: o.children ?? true }, signalOf(o)),
    redrive: (job_id, o = {}) => rpc.call('redrive', { job_id }, signalOf(o)),
  };
}
