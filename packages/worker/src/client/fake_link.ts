import { randomUUID } from 'node:crypto';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { cogoError, type CogoError } from '@cogo/spec/errors.ts';
import type { Clock } from '../clock.ts';
import type { ClaimedJob, ExecutorInfo, JobResult, Lease, Settled, Step, WorkerLink } from './worker_link.ts';

export interface FakeJob {
  jobId: string;
  type: string;
  payload: unknown;
  state: 'queued' | 'blocked' | 'running' | 'succeeded' | 'dead' | 'cancelled';
  attempt: number;
  failures: number;
  leaseLosses: number;
  token: string | null;
  leaseUntil: number;
  cancelRequested: boolean;
  progress: unknown;
  log: string;
  result: unknown;
  error: unknown;
  checkpoint: unknown;
  steps: Record<string, unknown>;
  parent: string | null;
}

const MAX_FAILURES = 3;

/**
 * The dispatcher in memory, with the same rules of leases and fences as the SQL (both pass `workerLinkConformance`).
 * `down` makes every call fail as an unreachable gateway does; a retry is ready at once, there is no backoff here.
 */
export class FakeDispatcher {
  readonly jobs = new Map<string, FakeJob>();
  readonly executors = new Map<string, { info: ExecutorInfo; epoch: number }>();
  /** Every call that reached the dispatcher, in order. */
  readonly calls: { fn: string; at: number; size: number }[] = [];
  down: CogoError | null = null;
  #token = 0;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  enqueue(type: string, payload: unknown = {}, parent: string | null = null): string {
    const jobId = randomUUID();
    this.jobs.set(jobId, {
      jobId,
      type,
      payload,
      state: 'queued',
      attempt: 0,
      failures: 0,
      leaseLosses: 0,
      token: null,
      leaseUntil: 0,
      cancelRequested: false,
      progress: null,
      log: '',
      result: null,
      error: null,
      checkpoint: null,
      steps: {},
      parent,
    });
    return jobId;
  }

  cancel(jobId: string): void {
    const job = this.jobs.get(jobId)!;
    if (job.state === 'queued') job.state = 'cancelled';
    else if (job.state === 'running') job.cancelRequested = true;
  }

  /** Expired leases go back to the ready ones, as `cogo_api.sweep()` does. */
  sweep(): void {
    for (const job of this.jobs.values()) {
      if (job.state === 'running' && job.leaseUntil <= this.#clock.now()) {
        job.leaseLosses++;
        this.#end(job, job.cancelRequested ? 'cancelled' : job.leaseLosses >= 3 ? 'dead' : 'queued');
      }
    }
  }

  link(executorId: string): WorkerLink {
    const call = async <T>(
      fn: string,
      size: number,
      body: () => T,
      signal?: AbortSignal,
    ): Promise<Result<T>> => {
      if (signal?.aborted) return failure('aborted', 'The call was aborted.');
      if (this.down) return { ok: false, error: this.down };
      this.calls.push({ fn, at: this.#clock.now(), size });
      return ok(body());
    };
    const each = <L extends Lease>(
      fn: string,
      leases: L[],
      signal: AbortSignal | undefined,
      body: (job: FakeJob, lease: L) => void,
    ): Promise<Result<Settled[]>> =>
      call(
        fn,
        leases.length,
        () =>
          leases.map((lease) => {
            const job = this.#held(lease);
            if (!job) {
              return {
                jobId: lease.jobId,
                verdict: 'lost',
                state: this.jobs.get(lease.jobId)?.state ?? null,
              };
            }
            body(job, lease);
            const verdict = (job.state as string) === 'cancelled' ? 'cancelled' : 'ok';
            return { jobId: lease.jobId, verdict, state: job.state };
          }),
        signal,
      );
    const finishOne = (job: FakeJob, { result, children }: JobResult) => {
      this.#spawn(job, children);
      job.result = result;
      this.#end(job, 'succeeded');
    };
    let epoch: number | null = null;
    const replaced = () => epoch !== null && epoch < (this.executors.get(executorId)?.epoch ?? 0);
    const refusal = {
      ok: false as const,
      error: cogoError('executor_draining', 'a newer process runs as this executor', { details: { epoch } }),
    };
    return {
      executorId,
      register: async (info, o) => {
        if (!this.down && replaced()) return refusal;
        return call(
          'register',
          1,
          () => {
            const old = this.executors.get(executorId);
            epoch = (old?.epoch ?? 0) + (old?.info.instance === info.instance ? 0 : 1);
            this.executors.set(executorId, { info, epoch });
          },
          o?.signal,
        );
      },
      claim: async ({ qty, leaseS, includeTypes }, o) =>
        !this.down && replaced()
          ? refusal
          : call('claim', qty, () => this.#claim(qty, leaseS, includeTypes), o?.signal),
      beat: (beats, o) =>
        call(
          'beat',
          beats.length,
          () =>
            beats.map((beat) => {
              const job = replaced() ? null : this.#held(beat);
              if (!job) return { jobId: beat.jobId, verdict: 'lost' as const };
              keep(job, beat.steps);
              job.leaseUntil = this.#clock.now() + this.#leaseMs.get(job.jobId)!;
              if (beat.progress !== undefined) job.progress = beat.progress;
              if (beat.log !== undefined) job.log += beat.log;
              return {
                jobId: beat.jobId,
                verdict: job.cancelRequested ? ('cancel' as const) : ('ok' as const),
              };
            }),
          o?.signal,
        ),
      finish: (results, o) => each('finish', results, o?.signal, finishOne),
      turn: async ({ results, qty, leaseS, includeTypes }, o) => {
        if (!this.down && replaced()) return refusal;
        const jobs = (settled: Settled[]) => ({ settled, jobs: this.#claim(qty, leaseS, includeTypes) });
        const got = await each('turn', results, o?.signal, finishOne);
        return got.ok ? ok(jobs(got.value)) : got;
      },
      fail: (failures, o) =>
        each('fail', failures, o?.signal, (job, { error, retryable }) => {
          job.error = error;
          job.failures++;
          const again = retryable && job.failures < MAX_FAILURES;
          this.#end(job, job.cancelRequested ? 'cancelled' : again ? 'queued' : 'dead');
        }),
      release: (releases, o) =>
        each('release', releases, o?.signal, (job, { checkpoint, steps, children, await: wait }) => {
          if (checkpoint !== undefined) job.checkpoint = checkpoint;
          keep(job, steps);
          this.#spawn(job, children);
          const open = this.#childrenOf(job).some((child) => !OVER.has(child.state));
          this.#end(job, job.cancelRequested ? 'cancelled' : wait && open ? 'blocked' : 'queued');
        }),
    };
  }

  readonly #leaseMs = new Map<string, number>();

  #claim(qty: number, leaseS: number, includeTypes: string[] | null): ClaimedJob[] {
    const ready = [...this.jobs.values()].filter(
      (job) =>
        job.state === 'queued' && (includeTypes === null || includeTypes.some((t) => covers(t, job.type))),
    );
    return ready.slice(0, qty).map((job) => {
      job.state = 'running';
      job.attempt++;
      job.token = String(++this.#token);
      job.leaseUntil = this.#clock.now() + leaseS * 1000;
      this.#leaseMs.set(job.jobId, leaseS * 1000);
      return {
        jobId: job.jobId,
        token: job.token,
        attempt: job.attempt,
        type: job.type,
        payload: job.payload,
        projectId: '00000000-0000-4000-8000-000000000000',
        traceId: null,
        leaseS,
        cancelRequested: job.cancelRequested,
        checkpoint: job.checkpoint,
        steps: structuredClone(job.steps),
        children: this.#childrenOf(job).map(({ jobId, type, state, result, error }) => ({
          jobId,
          type,
          state,
          result,
          error,
        })),
      };
    });
  }

  #childrenOf(job: FakeJob): FakeJob[] {
    return [...this.jobs.values()].filter((child) => child.parent === job.jobId);
  }

  #spawn(job: FakeJob, children: object[] = []): void {
    for (const child of children as { type: string; payload?: unknown }[]) {
      this.enqueue(child.type, child.payload ?? {}, job.jobId);
    }
  }

  #held({ jobId, token }: Lease): FakeJob | null {
    const job = this.jobs.get(jobId);
    return job && job.state === 'running' && job.token === token ? job : null;
  }

  #end(job: FakeJob, state: FakeJob['state']): void {
    job.state = state;
    job.token = null;
    job.leaseUntil = 0;
    const parent = job.parent === null ? undefined : this.jobs.get(job.parent);
    if (parent?.state === 'blocked' && this.#childrenOf(parent).every((child) => OVER.has(child.state))) {
      parent.state = 'queued';
    }
  }
}

const OVER = new Set<string>(['succeeded', 'dead', 'cancelled']);

/** The first output of a name stays. */
function keep(job: FakeJob, steps: Step[] = []): void {
  for (const { name, output } of steps) if (!Object.hasOwn(job.steps, name)) job.steps[name] = output;
}

function covers(include: string, type: string): boolean {
  return include.endsWith('.*') ? type.startsWith(include.slice(0, -1)) : include === type;
}
