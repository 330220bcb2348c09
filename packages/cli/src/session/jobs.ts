import type { Rpc } from '@cogo/client/rpc.ts';
import { wait } from '@cogo/spec/wait.ts';
import { rpcDispatcher, type NewJob } from '@cogo/worker/dispatch/dispatcher.ts';
import { interrupted } from '../command_error.ts';
import { unwrap } from '../unwrap.ts';

export interface JobError {
  code?: string;
  message?: string;
  reason?: string;
}

/** A row of `list_jobs`, and more of it from `job_status`. */
export interface JobStatus {
  job_id: string;
  type: string;
  state: string;
  /** What the result of a job that ran to its end says of itself. */
  outcome?: string | null;
  reason?: string | null;
  blocked_on?: string | null;
  lane?: string;
  attempt?: number;
  max_attempts?: number;
  progress?: unknown;
  result?: {
    state?: string;
    exit_code?: number | null;
    steps?: JobStep[];
    sandbox?: { kind: string; reason?: string };
  } | null;
  error?: JobError | null;
  created_at?: string;
  run_at?: string;
  started_at?: string | null;
  finished_at?: string | null;
  executor_id?: string | null;
  trace_id?: string | null;
  parent_id?: string | null;
  redriven_from?: string | null;
  redriven_to?: string | null;
  cancel_requested?: boolean;
}

/** What `job_detail` adds. */
export interface JobDetail {
  attempts: {
    attempt: number;
    executor_id: string | null;
    started_at: string;
    ended_at: string | null;
    outcome: string | null;
    error: JobError | null;
  }[];
  steps: { name: string; attempt: number; at: string }[];
  children: { job_id: string; type: string; state: string }[];
}

export interface JobStats {
  states: Record<string, number>;
  oldest_queued_s: number;
  lanes: { lane: string; queued: number }[];
  dead: Record<string, number>;
}

export interface DeadLetter {
  job_id: string;
  type: string;
  reason: string;
  error: JobError | null;
  at: string;
  failures: number;
  lease_losses: number;
  redriven_to: string | null;
}

export interface JobStep {
  name: string;
  argv?: string[];
  state?: string;
  detail?: string | null;
  exit_code: number | null;
  signal?: string | null;
  ms?: number;
  stdout_tail?: string;
  stderr_tail?: string;
}

export interface JobEvent {
  id: string | number;
  kind: string;
  data: unknown;
  at: string;
}

const FINAL = new Set(['succeeded', 'cancelled', 'dead']);
const POLL_MS = 400;

export function isFinal(state: string): boolean {
  return FINAL.has(state);
}

/** Enqueues one job and returns its id. */
export async function enqueueOne(rpc: Rpc, projectId: string, job: NewJob): Promise<string> {
  const made = unwrap(await rpcDispatcher(rpc).enqueue(projectId, [job]), `enqueue ${job.type}`);
  return made[0]!.job_id;
}

/** Waits until the job has ended, telling of its events as they come. Throws `aborted` on Ctrl-C. */
export async function followJob(
  rpc: Rpc,
  jobId: string,
  options: {
    signal: AbortSignal;
    onEvent?: (event: JobEvent) => void;
    onStatus?: (status: JobStatus) => void;
  },
): Promise<JobStatus> {
  let after: string | number = 0;
  for (;;) {
    if (options.signal.aborted) throw interrupted();
    // Status before events: an event written between the two is read now, none after the final one is missed.
    const status = unwrap(await rpc.call<JobStatus>('job_status', { job_id: jobId }), 'read the job');
    options.onStatus?.(status);
    if (options.onEvent) {
      for (;;) {
        const events: JobEvent[] = unwrap(
          await rpc.call<JobEvent[]>('job_events', { job_id: jobId, after_id: after, lim: 200 }),
          'read the events of the job',
        );
        for (const event of events) options.onEvent(event);
        after = events.at(-1)?.id ?? after;
        if (events.length < 200) break;
      }
    }
    if (isFinal(status.state)) return status;
    await wait(POLL_MS, options.signal);
  }
}

/**
 * What a person is told of a finished build: `succeeded` only when the build itself was fine. A job that ran to its end
 * and found failing tests has a result of state `failed`.
 */
export function jobOutcome(status: JobStatus): { state: string; exit_code: number | null } {
  const exit_code = status.result?.exit_code ?? null;
  if (status.state !== 'succeeded')
    return { state: status.state === 'cancelled' ? 'cancelled' : 'failed', exit_code };
  return { state: status.result?.state ?? 'succeeded', exit_code };
}
