import { cogoError, type CogoError } from '@cogo/spec/errors.ts';
import type { Result } from '@cogo/spec/result.ts';
import type { Approvals } from '../approvals.ts';
import { isReplaced, type ClaimedJob, type ExecutorInfo, type WorkerLink } from '../client/worker_link.ts';
import type { Clock } from '../clock.ts';
import type { Executor } from '../executors/executor.ts';
import type { WorkerLog } from '../log.ts';
import type { Policies } from '../policy.ts';
import { Fence } from './beating.ts';
import { Bell } from './bell.ts';
import { Reports } from './reports.ts';
import type { Slot } from './slots.ts';

export interface WorkerSetup {
  link: WorkerLink;
  info: ExecutorInfo;
  slots: number;
  leaseS: number;
  includeTypes: string[] | null;
  executor: (type: string) => Executor | null;
  policy: Policies;
  /** Who is asked about a job whose policy says `ask`; without one it is refused. */
  approvals?: Approvals;
  /** Fetches a payload that lies in Storage; absent: this worker has no Storage. */
  loadPayload?: ((job: ClaimedJob, signal: AbortSignal) => Promise<Result<unknown>>) | undefined;
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
  /** Attempts that ended because the job waits for its children. */
  awaiting: number;
}

/** Heard of at least this often, also while idle: the dispatcher counts an executor as gone after three of these. */
export const PRESENCE_MS = 4_000;
export const CALL_MS = 10_000;
/** A beat can be sent again at no cost, so it need not be waited for as long. */
export const BEAT_CALL_MS = 4_000;
/** A call this old is given up when one sent after it was answered: its connection is half-open. */
export const SILENT_MS = 3_000;
/** What a call may still take once the worker was told to stop. */
export const LAST_CALL_MS = 900;

/** Errors that no retry mends: the token is revoked or not good for this lane, or another process runs as this executor. */
export function isFatal(error: CogoError): boolean {
  return error.code === 'unauthorized' || error.code === 'forbidden' || isReplaced(error);
}

/** A call under way. */
interface Pending {
  sentAt: number;
  giveUp(): void;
  /** The worker ends: it has little time left. */
  last(): void;
}

/** What the loops of one worker share. */
export class Core {
  readonly setup: WorkerSetup;
  readonly slots = new Map<Slot, Promise<void>>();
  /** Rung when a claim may bring something: a slot is free, a wake-up came. */
  readonly work = new Bell();
  /** Rung when there is news for a beat. */
  readonly news = new Bell();
  readonly reports: Reports = new Reports(this);
  readonly fence: Fence = new Fence(this);
  readonly sum: RunSummary = {
    claimed: 0,
    finished: 0,
    failed: 0,
    cancelled: 0,
    released: 0,
    lost: 0,
    fenced: 0,
    awaiting: 0,
  };
  readonly #pending = new Set<Pending>();
  fatal: CogoError | null = null;
  /** Slots that jobs may come for in claims and turns under way. */
  asked = 0;
  readonly #stop = new AbortController();
  readonly #over = new AbortController();

  constructor(setup: WorkerSetup) {
    this.setup = setup;
    const lastCalls = () => {
      for (const call of this.#pending) call.last();
    };
    this.#stop.signal.addEventListener('abort', lastCalls, { once: true });
  }

  /** How many jobs to ask for where `leaving` slots are about to be free; none before half of the slots are. */
  refill(leaving = 0): number {
    const { slots } = this.setup;
    const free = slots - this.slots.size - this.asked + leaving;
    return free >= Math.ceil(slots / 2) ? free : 0;
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
    this.fence.end();
    this.#over.abort();
  }

  end(error: CogoError): void {
    if (this.fatal === null) this.setup.log('error', error.message, { code: error.code });
    this.fatal ??= error;
    this.#stop.abort();
  }

  /**
   * One call with a deadline, which a stop brings near: a gateway that hangs must not hold up the end. So does an answer
   * to a later call: after a network was away, what was sent before on a dead connection is never answered.
   */
  async call<T>(ms: number, body: (signal: AbortSignal) => Promise<Result<T>>): Promise<Result<T>> {
    const { clock } = this.setup;
    const limit = new AbortController();
    let give: () => void = () => {};
    // The race is for an Rpc that does not heed its signal.
    const late = new Promise<Result<T>>((resolve) => {
      give = () =>
        resolve({ ok: false, error: cogoError('timeout', 'The dispatcher did not answer in time.') });
    });
    const giveUp = () => {
      give();
      limit.abort(new DOMException('no answer in time', 'TimeoutError'));
    };
    let forget: () => void = () => {};
    const last = () => {
      forget = clock.after(LAST_CALL_MS, give);
    };
    const mine: Pending = { sentAt: clock.now(), giveUp, last };
    this.#pending.add(mine);
    const cancel = clock.after(ms, giveUp);
    if (this.#stop.signal.aborted) last();
    try {
      const got = await Promise.race([body(limit.signal), late]);
      if (got.ok) this.#heard(mine.sentAt);
      return got;
    } finally {
      this.#pending.delete(mine);
      cancel();
      forget();
    }
  }

  #heard(sentAt: number): void {
    const now = this.setup.clock.now();
    for (const call of this.#pending) {
      if (call.sentAt < sentAt && now - call.sentAt >= SILENT_MS) call.giveUp();
    }
  }
}
