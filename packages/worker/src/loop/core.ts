import { cogoError, type CogoError } from '@cogo/spec/errors.ts';
import type { Result } from '@cogo/spec/result.ts';
import type { ExecutorInfo, WorkerLink } from '../client/worker_link.ts';
import { deadline, type Clock } from '../clock.ts';
import type { Executor } from '../executors/executor.ts';
import type { WorkerLog } from '../log.ts';
import { Bell } from './bell.ts';
import type { Slot } from './slots.ts';

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
  /** Hints from outside that there is something to do sooner than the next poll; started once registered. */
  wake: Wake | null;
}

/** Rings `work` when there may be a job, `beat` when the dispatcher may want to say something; returns how to end it. */
export type Wake = (bells: { work(): void; beat(): void }) => () => void;

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
export const PRESENCE_MS = 10_000;
export const CALL_MS = 10_000;
/** What a call may still take once the worker was told to stop. */
export const LAST_CALL_MS = 900;

/** Errors that no retry mends: the token is revoked or was never good for this lane. */
export function isFatal(error: CogoError): boolean {
  return error.code === 'unauthorized' || error.code === 'forbidden';
}

/** What the loops of one worker share. */
export class Core {
  readonly setup: WorkerSetup;
  readonly slots = new Map<Slot, Promise<void>>();
  /** Rung when a claim may bring something: a slot is free, a wake-up came. */
  readonly work = new Bell();
  /** Rung when there is news for a beat. */
  readonly news = new Bell();
  readonly sum: RunSummary = {
    claimed: 0,
    finished: 0,
    failed: 0,
    cancelled: 0,
    released: 0,
    lost: 0,
    fenced: 0,
  };
  fatal: CogoError | null = null;
  readonly #stop = new AbortController();
  readonly #over = new AbortController();

  constructor(setup: WorkerSetup) {
    this.setup = setup;
  }

  /** Aborts when the worker is to end, by its owner or by a fatal error. */
  get stopped(): AbortSignal {
    return this.#stop.signal;
  }

  /** Aborts when every slot is empty and no more will come. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  stop(): void {
    this.#stop.abort();
  }

  finish(): void {
    this.#over.abort();
  }

  end(error: CogoError): void {
    this.fatal ??= error;
    this.setup.log('error', error.message, { code: error.code });
    this.#stop.abort();
  }

  /** One call with a deadline, which a stop brings near: a gateway that hangs must not hold up the end. */
  async call<T>(ms: number, body: (signal: AbortSignal) => Promise<Result<T>>): Promise<Result<T>> {
    const { clock } = this.setup;
    const limit = deadline(clock, ms);
    const answered = new AbortController();
    try {
      // The race is for an Rpc that does not heed its signal.
      const late = new Promise<Result<T>>((resolve) => {
        const give = () =>
          resolve({ ok: false, error: cogoError('timeout', 'The dispatcher did not answer in time.') });
        limit.signal.addEventListener('abort', give, { once: true });
        const last = () => void clock.sleep(LAST_CALL_MS, answered.signal).then(give);
        if (this.#stop.signal.aborted) last();
        else this.#stop.signal.addEventListener('abort', last, { once: true, signal: answered.signal });
      });
      return await Promise.race([body(limit.signal), late]);
    } finally {
      limit.done();
      answered.abort();
    }
  }
}
