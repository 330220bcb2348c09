import type { CogoError } from '@cogo/spec/errors.ts';
import type { Result } from '@cogo/spec/result.ts';
import { backoffMs, idlePollMs } from '../backoff.ts';
import type { ClaimedJob, ExecutorInfo, Settled, WorkerLink } from '../client/worker_link.ts';
import { deadline, type Clock } from '../clock.ts';
import type { Executor, Outcome } from '../executors/executor.ts';
import type { WorkerLog } from '../log.ts';
import { Bell } from './bell.ts';
import { beatEveryMs, MIN_BEAT_MS } from './lease.ts';
import { Slot } from './slots.ts';

export interface WorkerSetup {
  link: WorkerLink;
  info: ExecutorInfo;
  slots: number;
  leaseS: number;
  includeTypes: string[] | null;
  executor: (type: string) => Executor | null;
  /** Ends the worker: it stops its work, hands its leases back and returns. */
  signal: AbortSignal;
  log: WorkerLog;
  clock: Clock;
  random: () => number;
  /** Work off what is ready, then return. */
  once: boolean;
  /** Calls `ring` when there may be work; returns how to end it. */
  wake: ((ring: () => void) => () => void) | null;
}

export interface RunSummary {
  claimed: number;
  finished: number;
  failed: number;
  cancelled: number;
  released: number;
  lost: number;
  fenced: number;
}

/** Presence while idle: the dispatcher counts an executor as gone after three of these. */
const PRESENCE_MS = 10_000;
const CALL_MS = 10_000;
const RELEASE_MS = 900;
/** After the leases were handed back: clearing workspaces may take this long. */
const CLEANUP_MS = 5_000;

/** An error that no retry mends: the token is revoked or was never good for this lane. */
const FATAL = new Set(['unauthorized', 'forbidden']);

/** The loops of one worker: claim to refill, one beat for all slots, and a task for each slot. */
export class WorkerLoop {
  readonly #o: WorkerSetup;
  readonly #slots = new Map<Slot, Promise<void>>();
  readonly #work = new Bell();
  readonly #beat = new Bell();
  /** Aborts when the worker is to end, by its owner or by a fatal error. */
  readonly #stop = new AbortController();
  /** Aborts when every slot is empty and no more will come. */
  readonly #over = new AbortController();
  #fatal: CogoError | null = null;
  readonly #sum: RunSummary = {
    claimed: 0,
    finished: 0,
    failed: 0,
    cancelled: 0,
    released: 0,
    lost: 0,
    fenced: 0,
  };

  constructor(setup: WorkerSetup) {
    this.#o = setup;
  }

  async run(): Promise<Result<RunSummary>> {
    const { signal, wake } = this.#o;
    const onStop = () => this.#stop.abort();
    if (signal.aborted) onStop();
    signal.addEventListener('abort', onStop, { once: true });
    const unwake = wake?.(() => this.#work.ring());
    if (await this.#register()) {
      const beating = this.#beatLoop();
      const stopping = this.#whenStopped();
      await this.#claimLoop();
      if (this.#stop.signal.aborted) await stopping;
      else await Promise.all(this.#slots.values());
      this.#over.abort();
      await beating;
    }
    signal.removeEventListener('abort', onStop);
    unwake?.();
    return this.#fatal ? { ok: false, error: this.#fatal } : { ok: true, value: { ...this.#sum } };
  }

  async #register(): Promise<boolean> {
    for (let attempt = 0; !this.#stop.signal.aborted; attempt++) {
      const got = await this.#call(CALL_MS, (signal) => this.#o.link.register(this.#o.info, { signal }));
      if (got.ok) return true;
      if (!got.error.retryable) {
        this.#end(got.error);
        return false;
      }
      if (attempt === 0) this.#o.log('warn', `waiting for the dispatcher: ${got.error.message}`);
      await this.#o.clock.sleep(backoffMs(attempt, this.#o.random), this.#stop.signal);
    }
    return false;
  }

  async #claimLoop(): Promise<void> {
    const { clock, random, link, slots, leaseS, includeTypes, once, log } = this.#o;
    const refillAt = Math.ceil(slots / 2);
    const stopped = this.#stop.signal;
    let misses = 0;
    let errors = 0;
    while (!stopped.aborted) {
      const free = slots - this.#slots.size;
      if (free < refillAt) {
        await this.#work.wait(clock, PRESENCE_MS, stopped);
        continue;
      }
      const sentAt = clock.now();
      // Not bound to the stop: an answer that is on its way may hold leases, and those are handed back.
      const got = await this.#call(CALL_MS, (signal) =>
        link.claim({ qty: free, leaseS, includeTypes }, { signal }),
      );
      if (!got.ok) {
        if (FATAL.has(got.error.code)) return this.#end(got.error);
        if (errors === 0) log('warn', `could not claim: ${got.error.message}`, { code: got.error.code });
        await clock.sleep(backoffMs(errors++, random), stopped);
        continue;
      }
      if (errors > 0) log('info', 'the dispatcher answers again');
      errors = 0;
      if (stopped.aborted) {
        await this.#release(got.value);
        return;
      }
      for (const job of got.value) this.#start(job, sentAt);
      if (got.value.length > 0) {
        misses = 0;
        continue;
      }
      if (once && this.#slots.size === 0) return;
      await this.#work.wait(clock, idlePollMs(++misses, random), stopped);
    }
  }

  #start(job: ClaimedJob, sentAt: number): void {
    this.#sum.claimed++;
    const slot = new Slot(job, sentAt);
    if (job.cancelRequested) slot.stop('cancel');
    const task = this.#runSlot(slot).finally(() => {
      this.#slots.delete(slot);
      this.#work.ring();
    });
    this.#slots.set(slot, task);
    void this.#watchFence(slot, task);
    this.#beat.ring();
  }

  async #runSlot(slot: Slot): Promise<void> {
    const { log, clock, executor } = this.#o;
    const { job } = slot;
    const started = clock.now();
    log('info', 'job started', { job_id: job.jobId, type: job.type, attempt: job.attempt });
    const found = executor(job.type);
    const news = () => this.#beat.ring();
    let outcome: Outcome;
    try {
      outcome = slot.stopped
        ? { kind: 'finished', result: null }
        : found
          ? await found.run(job, {
              signal: slot.signal,
              clock,
              log,
              progress: (progress) => {
                slot.report(progress);
                news();
              },
              say: (text) => {
                slot.say(text);
                news();
              },
            })
          : noExecutor(job.type);
    } catch (error) {
      const message = `The executor of ${job.type} broke: ${(error as Error)?.message ?? String(error)}`;
      outcome = {
        kind: 'failed',
        error: { code: 'internal', message, reason: 'infrastructure_failure' },
        retryable: true,
      };
    }
    slot.phase = 'settling';
    const ms = Math.round(clock.now() - started);
    await this.#settle(slot, outcome, ms);
  }

  /** Reports until an answer comes: a gateway that is away must not cost a result. */
  async #settle(slot: Slot, outcome: Outcome, ms: number): Promise<void> {
    const { link, clock, random, log } = this.#o;
    const { jobId, token } = slot.job;
    const stop = slot.stopped;
    if (stop === 'lost') {
      this.#sum.lost++;
      log('warn', 'job stopped: its lease was lost', { job_id: jobId });
      return;
    }
    // On shutdown all leases go back in one call, at once: see #whenStopped.
    if (stop === 'shutdown') return;
    let final = outcome;
    for (let attempt = 0; ; attempt++) {
      const got = await this.#call(CALL_MS, (signal) => {
        if (stop) return link.release([{ jobId, token }], { signal });
        if (final.kind === 'finished') {
          return link.finish([{ jobId, token, result: final.result }], { signal });
        }
        const { error, retryable, retryAfterS } = final;
        const again = retryAfterS === undefined ? {} : { retryAfterS };
        return link.fail([{ jobId, token, error, retryable, ...again }], { signal });
      });
      if (got.ok) return this.#settled(slot, stop ? 'released' : final.kind, got.value[0] ?? null, ms);
      if (slot.stopped === 'lost') return this.#settled(slot, final.kind, null, ms);
      if (FATAL.has(got.error.code)) return this.#end(got.error);
      if (!got.error.retryable) {
        if (stop || final.kind === 'failed') {
          log('error', `the outcome was refused: ${got.error.message}`, { job_id: jobId });
          return;
        }
        // The result itself is what is refused (too large, not storable): say so instead of it.
        const { code, message } = got.error;
        final = {
          kind: 'failed',
          error: { code, message: `The result was refused: ${message}`, reason: 'validation_failed' },
          retryable: false,
        };
        continue;
      }
      if (this.#stop.signal.aborted) {
        log('warn', 'could not report before the end; the lease will run out', { job_id: jobId });
        return;
      }
      if (attempt === 0) log('warn', `could not report: ${got.error.message}`, { job_id: jobId });
      await clock.sleep(backoffMs(attempt, random), this.#stop.signal);
    }
  }

  #settled(slot: Slot, what: 'finished' | 'failed' | 'released', got: Settled | null, ms: number): void {
    const verdict = got?.verdict ?? 'lost';
    if (verdict === 'lost') this.#sum.lost++;
    else if (verdict === 'cancelled') this.#sum.cancelled++;
    else this.#sum[what]++;
    const fields = { job_id: slot.job.jobId, state: got?.state, ms, stopped: slot.stopped ?? undefined };
    if (verdict === 'ok') this.#o.log('info', `job ${what}`, fields);
    else this.#o.log('warn', `job ${what}, answered ${verdict}`, fields);
  }

  /** Stops the work of a slot whose lease can no longer be trusted: someone else may hold it soon. */
  async #watchFence(slot: Slot, task: Promise<void>): Promise<void> {
    const { clock, log } = this.#o;
    const ended = new AbortController();
    void task.finally(() => ended.abort());
    while (!ended.signal.aborted && slot.phase === 'working' && !slot.stopped) {
      await clock.sleep(slot.fenceAt - clock.now(), ended.signal);
      if (ended.signal.aborted || slot.phase !== 'working' || slot.stopped) return;
      if (clock.now() < slot.fenceAt) continue;
      this.#sum.fenced++;
      log('warn', 'no beat was acknowledged in time: stopping the job', { job_id: slot.job.jobId });
      slot.stop('fenced');
    }
  }

  async #beatLoop(): Promise<void> {
    const { clock, random, link, info, log } = this.#o;
    let failures = 0;
    while (!this.#over.signal.aborted) {
      const sentAt = clock.now();
      const slots = [...this.#slots.keys()].filter((slot) => slot.stopped !== 'lost');
      const news = slots.map((slot) => slot.takeNews());
      const leaseMs = Math.min(this.#o.leaseS * 1000, ...slots.map((slot) => slot.leaseMs));
      const beats = slots.map((slot, i) => ({ jobId: slot.job.jobId, token: slot.job.token, ...news[i] }));
      const got = await this.#call(leaseMs / 3, (signal) => link.beat(beats, { signal }));
      if (got.ok) {
        if (failures > 0) void this.#call(CALL_MS, (signal) => link.register(info, { signal }));
        failures = 0;
        for (const { jobId, verdict } of got.value) {
          const slot = slots.find((s) => s.job.jobId === jobId);
          if (verdict === 'ok') slot?.acknowledged(sentAt);
          else slot?.stop(verdict);
        }
      } else {
        slots.forEach((slot, i) => slot.putBack(news[i]!));
        if (FATAL.has(got.error.code)) this.#end(got.error);
        else if (failures++ === 0)
          log('warn', `could not beat: ${got.error.message}`, { code: got.error.code });
      }
      // After a failure soon again, well before the fence; otherwise a third of the lease, earlier for news.
      const pause =
        failures > 0 ? backoffMs(failures, random, 250, leaseMs / 8) : beatEveryMs(leaseMs, random);
      const floor = Math.min(MIN_BEAT_MS, leaseMs / 8);
      await clock.sleep(Math.min(floor, pause), this.#over.signal);
      if (failures > 0) await clock.sleep(Math.max(0, pause - floor), this.#over.signal);
      else await this.#beat.wait(clock, Math.max(0, Math.min(pause, PRESENCE_MS) - floor), this.#over.signal);
    }
  }

  /** Within a second of the stop: the work is killed and every lease handed back in one call. */
  async #whenStopped(): Promise<void> {
    const stopped = this.#stop.signal;
    if (!stopped.aborted) {
      await new Promise<void>((resolve) => {
        stopped.addEventListener('abort', () => resolve(), { once: true });
        this.#over.signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    if (!stopped.aborted) return;
    const working = [...this.#slots.keys()].filter((slot) => slot.phase === 'working' && !slot.stopped);
    const tasks = [...this.#slots.values()];
    for (const slot of working) slot.stop('shutdown');
    if (working.length > 0) await this.#release(working.map((slot) => slot.job));
    const cleaned = new AbortController();
    void Promise.all(tasks).then(() => cleaned.abort());
    await this.#o.clock.sleep(CLEANUP_MS, cleaned.signal);
  }

  async #release(jobs: ClaimedJob[]): Promise<void> {
    if (jobs.length === 0) return;
    const leases = jobs.map(({ jobId, token }) => ({ jobId, token }));
    const got = await this.#call(RELEASE_MS, (signal) => this.#o.link.release(leases, { signal }));
    if (got.ok) {
      const count = (verdict: string) => got.value.filter((row) => row.verdict === verdict).length;
      this.#sum.released += count('ok');
      this.#sum.cancelled += count('cancelled');
      this.#sum.lost += count('lost');
      this.#o.log('info', `handed ${jobs.length} job(s) back`);
    } else {
      this.#o.log(
        'warn',
        `could not hand back ${jobs.length} job(s), the leases will run out: ${got.error.message}`,
      );
    }
  }

  #end(error: CogoError): void {
    this.#fatal ??= error;
    this.#o.log('error', error.message, { code: error.code });
    this.#stop.abort();
  }

  async #call<T>(ms: number, body: (signal: AbortSignal) => Promise<Result<T>>): Promise<Result<T>> {
    const limit = deadline(this.#o.clock, ms);
    try {
      // The race is for an Rpc that does not heed its signal: a hung socket must not hang the loop.
      const late = new Promise<Result<T>>((resolve) =>
        limit.signal.addEventListener('abort', () =>
          resolve({
            ok: false,
            error: {
              code: 'timeout',
              message: `no answer within ${Math.round(ms)} ms`,
              status: 504,
              retryable: true,
            },
          }),
        ),
      );
      return await Promise.race([body(limit.signal), late]);
    } finally {
      limit.done();
    }
  }
}

function noExecutor(type: string): Outcome {
  return {
    kind: 'failed',
    error: {
      code: 'not_configured',
      message: `This worker has no executor for jobs of type ${type}. Send it to another lane, or narrow the worker with LIVE_INCLUDE_TYPES.`,
      reason: 'dependency_unavailable',
    },
    retryable: false,
  };
}
