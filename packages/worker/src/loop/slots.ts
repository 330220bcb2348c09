import type { ClaimedJob, Step } from '../client/worker_link.ts';
import type { ChildJob } from '../executors/executor.ts';
import { fenceAt } from './lease.ts';

/**
 *   claimed -> working -> settling -> gone
 *                 |           ^
 *                 +-- stop ---+   cancel, lost, fenced, shutdown
 *                 +- suspend -+   its children are not over: it comes back when they are
 */
export type StopReason = 'cancel' | 'lost' | 'fenced' | 'shutdown';

const LOG_CHARS = 16_000;

/** One job that this worker holds a lease on. */
export class Slot {
  readonly job: ClaimedJob;
  readonly leaseMs: number;
  phase: 'working' | 'settling' = 'working';
  /** When the last acknowledged request about this lease was sent. */
  #sentAt: number;
  #stopped: StopReason | null = null;
  /** Made for whoever asks: a job that ends at once has no need of one. */
  #stop: AbortController | null = null;
  #progress: unknown;
  #log = '';
  /** To be made when the attempt ends well, with the step that says so. */
  readonly spawned: { step: Step; children: ChildJob[] }[] = [];
  /** Set when the attempt gave its slot up until its children are over. */
  suspended: { checkpoint: unknown } | null = null;

  constructor(job: ClaimedJob, sentAt: number) {
    this.job = job;
    this.leaseMs = job.leaseS * 1000;
    this.#sentAt = sentAt;
  }

  get signal(): AbortSignal {
    if (this.#stop === null) {
      this.#stop = new AbortController();
      if (this.#stopped) this.#stop.abort(this.#stopped);
    }
    return this.#stop.signal;
  }

  get stopped(): StopReason | null {
    return this.#stopped;
  }

  /** The first reason stays. */
  stop(reason: StopReason): void {
    if (this.#stopped) return;
    this.#stopped = reason;
    this.#stop?.abort(reason);
  }

  spawn(step: string, children: ChildJob[]): void {
    this.spawned.push({ step: { name: step, output: children.length }, children });
  }

  /** What the executor is ended with. */
  suspend(checkpoint: unknown): Error {
    this.suspended = { checkpoint };
    return new Error('The job waits for its children.');
  }

  acknowledged(sentAt: number): void {
    this.#sentAt = Math.max(this.#sentAt, sentAt);
  }

  get fenceAt(): number {
    return fenceAt(this.#sentAt, this.leaseMs);
  }

  report(progress: unknown): void {
    this.#progress = progress;
  }

  say(text: string): void {
    this.#log = (this.#log + text).slice(-LOG_CHARS);
  }

  /** What the next beat carries; `putBack` when it did not arrive. */
  takeNews(): { progress?: unknown; log?: string } {
    const news = {
      ...(this.#progress === undefined ? {} : { progress: this.#progress }),
      ...(this.#log === '' ? {} : { log: this.#log }),
    };
    this.#progress = undefined;
    this.#log = '';
    return news;
  }

  putBack(news: { progress?: unknown; log?: string }): void {
    this.#progress ??= news.progress;
    this.#log = ((news.log ?? '') + this.#log).slice(-LOG_CHARS);
  }
}
