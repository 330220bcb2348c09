import type { CogoError } from '@cogo/spec/errors.ts';
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
  /** Outputs that earlier attempts stored, by step. */
  steps: Record<string, unknown>;
  /** The jobs this one spawned, with their results, in the order they were made. */
  children: ChildResult[];
}

export interface ChildResult {
  jobId: string;
  type: string;
  state: string;
  result: unknown;
  error: unknown;
}

/** Output of a part of a job, kept for its later attempts. */
export interface Step {
  name: string;
  output: unknown;
}

export interface Lease {
  jobId: string;
  token: string;
}

export interface Beat extends Lease {
  progress?: unknown;
  /** Lines since the last beat. */
  log?: string;
  /** Done since the last beat; the first output of a name stays. */
  steps?: Step[];
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

export interface JobResult extends Lease {
  result: unknown;
  /** Made in the same transaction, as in `enqueue`, with this job as their parent. */
  children?: object[];
}

export interface Release extends Lease {
  checkpoint?: unknown;
  steps?: Step[];
  /** Made in the same transaction, with this job as their parent. */
  children?: object[];
  /** The job is blocked until its children are over, instead of queued again. */
  await?: boolean;
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
  /** Names the process: another instance of the same executor id replaces it. */
  instance: string;
  /** How often it will be heard of, seconds: three misses and it counts as dead. */
  beatS: number;
  /** It takes no more jobs. */
  draining?: boolean;
  /** It leaves in good order: nobody need wait for its beats. */
  stopped?: boolean;
}

export interface ClaimRequest {
  qty: number;
  leaseS: number;
  /** Exact types or prefixes ending in `.*`; null takes all of the executor's lane. */
  includeTypes: string[] | null;
}

export interface TurnRequest extends ClaimRequest {
  results: JobResult[];
}

export interface Turn {
  settled: Settled[];
  jobs: ClaimedJob[];
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
  /**
   * Announces this process; later calls are made in its epoch. Again (after an outage) it is refused with
   * `executor_draining` when another process has taken over meanwhile: see `isReplaced`.
   */
  register(info: ExecutorInfo, o?: CallOptions): Promise<Result<void>>;
  claim(request: ClaimRequest, o?: CallOptions): Promise<Result<ClaimedJob[]>>;
  /**
   * Extends each lease and marks the executor as present; an empty list is presence only.
   * @param o.running how many jobs it is at work on, where the beat is about all of them: others are told when that changes
   */
  beat(beats: Beat[], o?: CallOptions & { running?: number }): Promise<Result<BeatReply[]>>;
  finish(results: JobResult[], o?: CallOptions): Promise<Result<Settled[]>>;
  /**
   * `finish` and `claim` in one call and one transaction, which is what a busy worker does all day. An error means that neither
   * was done: a process that may claim no more is refused whole, and finishes by `finish`.
   */
  turn(request: TurnRequest, o?: CallOptions): Promise<Result<Turn>>;
  fail(failures: JobFailure[], o?: CallOptions): Promise<Result<Settled[]>>;
  /** Hands leases back: costs no attempt. A job that was cancelled meanwhile answers `cancelled`. */
  release(releases: Release[], o?: CallOptions): Promise<Result<Settled[]>>;
}

/** Whether a refusal says that a newer process runs as this executor, and not only that it is draining. */
export function isReplaced(error: CogoError): boolean {
  const { details } = error;
  return error.code === 'executor_draining' && isRow(details) && details['epoch'] !== undefined;
}

/** WorkerLink over `cogo_api`, embedded, on an own Postgres or hosted: whatever the Rpc reaches. */
export function rpcWorkerLink(rpc: CallRpc, executorId: string): WorkerLink {
  const settle = async (
    fn: string,
    args: Record<string, unknown>,
    o?: CallOptions,
  ): Promise<Result<Settled[]>> => rows(fn, await rpc.call(fn, storable(args), o), settledRow);
  let epoch: number | null = null;
  return {
    executorId,
    register: async ({ beatS, ...info }, o) => {
      const said = { ...info, beat_s: beatS, ...(epoch === null ? {} : { epoch }) };
      const got = await rpc.call<{ epoch?: unknown } | null>(
        'register_executor',
        { executor_id: executorId, info: said },
        o,
      );
      if (!got.ok) return got;
      epoch = Number.isInteger(got.value?.epoch) ? (got.value!.epoch as number) : null;
      return ok(undefined);
    },
    claim: async ({ qty, leaseS, includeTypes }, o) =>
      rows(
        'claim',
        await rpc.call(
          'claim',
          { executor_id: executorId, qty, lease_s: leaseS, include_types: includeTypes, epoch },
          o,
        ),
        claimedRow,
      ),
    beat: async (beats, { running, ...o } = {}) => {
      const sent = beats.map(({ jobId, ...said }) => ({ job_id: jobId, ...said }));
      const presence = running === undefined ? {} : { running };
      return rows(
        'beat',
        await rpc.call('beat', { executor_id: executorId, beats: storable(sent), epoch, ...presence }, o),
        beatRow,
      );
    },
    finish: (results, o) =>
      settle('finish', { results: results.map(({ jobId, ...said }) => ({ job_id: jobId, ...said })) }, o),
    turn: async ({ results, qty, leaseS, includeTypes }, o) => {
      const got = await rpc.call(
        'turn',
        {
          executor_id: executorId,
          results: storable(results.map(({ jobId, ...said }) => ({ job_id: jobId, ...said }))),
          qty,
          lease_s: leaseS,
          include_types: includeTypes,
          epoch,
        },
        o,
      );
      if (!got.ok) return got;
      const answer = isRow(got.value) ? got.value : {};
      // Not an empty list where one is missing: a verdict that was not given is no verdict.
      const settled = rows('turn', ok(answer['verdicts'] ?? {}), settledRow);
      const jobs = rows('turn', ok(answer['jobs'] ?? {}), claimedRow);
      if (!settled.ok) return settled;
      return jobs.ok ? ok({ settled: settled.value, jobs: jobs.value }) : jobs;
    },
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
      settle('release', { releases: releases.map(({ jobId, ...said }) => ({ job_id: jobId, ...said })) }, o),
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
    children: Array.isArray(row['children']) ? row['children'].filter(isRow).map(childOf) : [],
  };
}

function childOf(row: Row): ChildResult {
  return {
    jobId: String(row['job_id']),
    type: String(row['type']),
    state: String(row['state']),
    result: row['result'] ?? null,
    error: row['error'] ?? null,
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
