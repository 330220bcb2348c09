import { failure, ok, type Result } from '@cogo/spec/result.ts';
import type { CallRpc } from '@cogo/spec/rpc.ts';
import { storable } from './storable.ts';

/** A lease on one attempt of a job. `token` fences every later call: it is unique per attempt and never reused. */
export interface ClaimedJob {
  jobId: string;
  /** A bigint, kept as text. */
  token: string;
  attempt: number;
  type: string;
  payload: unknown;
  projectId: string;
  traceId: string | null;
  /** Seconds, counted by the worker from before the claim was sent. */
  leaseS: number;
  cancelRequested: boolean;
  /** What an earlier attempt handed back with, null the first time. */
  checkpoint: unknown;
  /** Outputs of the steps earlier attempts stored, by name. */
  steps: Record<string, unknown>;
}

export interface Lease {
  jobId: string;
  token: string;
}

export interface Beat extends Lease {
  progress?: unknown;
  /** Lines since the last beat. */
  log?: string;
  /** Steps that are done: a later attempt finds them in its claim. The first output of a name stays. */
  steps?: { name: string; output: unknown }[];
}

export interface BeatReply {
  jobId: string;
  verdict: 'ok' | 'cancel' | 'lost';
}

/** What became of a `finish`, `fail` or `release`. `state` is the job's state after it, where it is known. */
export interface Settled {
  jobId: string;
  verdict: 'ok' | 'lost' | 'cancelled';
  state: string | null;
}

export interface JobFailure extends Lease {
  error: { code: string; message: string; reason?: string };
  retryable: boolean;
  retryAfterS?: number;
}

/** What an executor says about itself when it starts. */
export interface ExecutorInfo {
  /** Its lane. Only the server may choose; a worker token fixes it. */
  kind: 'cogo-work' | 'cogo-plan';
  version: string;
  slots: number;
  types: string[] | null;
  sandbox: string;
  host: string;
  platform: string;
  /** Name of the process: another one of the same executor takes its place. */
  instance?: string;
  /** Seconds between two signs of life; after three misses its leases end. */
  beat_s?: number;
  /** It takes no more jobs. */
  draining?: boolean;
}

export interface CallOptions {
  signal?: AbortSignal;
}

/**
 * Everything a worker says to the dispatcher, for one executor. Batch in, one verdict for each out, in any order; a stale
 * token gets `lost`, never an exception. Errors are those of `Rpc`.
 */
export interface WorkerLink {
  readonly executorId: string;
  register(info: ExecutorInfo, o?: CallOptions): Promise<Result<void>>;
  /** @param request.includeTypes exact types or prefixes ending in `.*`; null takes all of the executor's lane */
  claim(
    request: { qty: number; leaseS: number; includeTypes: string[] | null },
    o?: CallOptions,
  ): Promise<Result<ClaimedJob[]>>;
  /** Extends each lease and marks the executor as present; an empty list is presence only. */
  beat(beats: Beat[], o?: CallOptions): Promise<Result<BeatReply[]>>;
  finish(results: (Lease & { result: unknown })[], o?: CallOptions): Promise<Result<Settled[]>>;
  fail(failures: JobFailure[], o?: CallOptions): Promise<Result<Settled[]>>;
  /** Hands leases back: costs no attempt. A job that was cancelled meanwhile answers `cancelled`. */
  release(releases: (Lease & { checkpoint?: unknown })[], o?: CallOptions): Promise<Result<Settled[]>>;
}

/** WorkerLink over `cogo_api`, embedded, on an own Postgres or hosted: whatever the Rpc reaches. */
export function rpcWorkerLink(rpc: CallRpc, executorId: string): WorkerLink {
  const settle = async (
    fn: string,
    args: Record<string, unknown>,
    o?: CallOptions,
  ): Promise<Result<Settled[]>> => rows(fn, await rpc.call(fn, storable(args), o), settledRow);
  return {
    executorId,
    register: async (info, o) => {
      const got = await rpc.call('register_executor', { executor_id: executorId, info }, o);
      return got.ok ? ok(undefined) : got;
    },
    claim: async ({ qty, leaseS, includeTypes }, o) =>
      rows(
        'claim',
        await rpc.call(
          'claim',
          { executor_id: executorId, qty, lease_s: leaseS, include_types: includeTypes },
          o,
        ),
        claimedRow,
      ),
    beat: async (beats, o) => {
      const sent = beats.map(({ jobId, token, progress, log, steps }) => ({
        job_id: jobId,
        token,
        ...(progress === undefined ? {} : { progress }),
        ...(log === undefined ? {} : { log }),
        ...(steps === undefined ? {} : { steps }),
      }));
      return rows(
        'beat',
        await rpc.call('beat', { executor_id: executorId, beats: storable(sent) }, o),
        beatRow,
      );
    },
    finish: (results, o) =>
      settle(
        'finish',
        { results: results.map(({ jobId, token, result }) => ({ job_id: jobId, token, result })) },
        o,
      ),
    fail: (failures, o) =>
      settle(
        'fail',
        {
          failures: failures.map(({ jobId, token, error, retryable, retryAfterS }) => ({
            job_id: jobId,
            token,
            error,
            retryable,
            ...(retryAfterS === undefined ? {} : { retry_after_s: retryAfterS }),
          })),
        },
        o,
      ),
    release: (releases, o) =>
      settle(
        'release',
        {
          releases: releases.map(({ jobId, token, checkpoint }) => ({
            job_id: jobId,
            token,
            ...(checkpoint === undefined ? {} : { checkpoint }),
          })),
        },
        o,
      ),
  };
}

type Row = Record<string, unknown>;

function rows<T>(fn: string, got: Result<unknown>, read: (row: Row) => T | null): Result<T[]> {
  if (!got.ok) return got;
  const value = got.value ?? [];
  const read_ = Array.isArray(value) ? value.map((row) => (isRow(row) ? read(row) : null)) : [null];
  if (read_.some((row) => row === null)) {
    return failure(
      'internal',
      `cogo_api.${fn} answered in a form this worker does not know. Worker and database may be of different versions.`,
    );
  }
  return ok(read_ as T[]);
}

function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function claimedRow(row: Row): ClaimedJob | null {
  const { job_id: jobId, token, attempt, type, project_id: projectId, lease_s: leaseS } = row;
  if (typeof jobId !== 'string' || typeof type !== 'string' || !(Number(leaseS) > 0)) return null;
  if (token === null || token === undefined) return null;
  return {
    jobId,
    token: String(token),
    attempt: Number(attempt ?? 1),
    type,
    payload: row['payload'] ?? null,
    projectId: String(projectId ?? ''),
    traceId: typeof row['trace_id'] === 'string' ? row['trace_id'] : null,
    leaseS: Number(leaseS),
    cancelRequested: row['cancel_requested'] === true,
    checkpoint: row['checkpoint'] ?? null,
    steps: isRow(row['steps']) ? row['steps'] : {},
  };
}

function beatRow(row: Row): BeatReply | null {
  const { job_id: jobId, verdict } = row;
  if (typeof jobId !== 'string') return null;
  return verdict === 'ok' || verdict === 'cancel' || verdict === 'lost' ? { jobId, verdict } : null;
}

function settledRow(row: Row): Settled | null {
  const { job_id: jobId, verdict, state } = row;
  if (typeof jobId !== 'string') return null;
  return verdict === 'ok' || verdict === 'lost' || verdict === 'cancelled'
    ? { jobId, verdict, state: typeof state === 'string' ? state : null }
    : null;
}
