/** What every queue is measured with: 200 bytes of JSON. */
export const PAYLOAD: Record<string, string> = { fill: 'x'.repeat(200 - '{"fill":""}'.length) };

/** Jobs in one enqueue call, and in one claim of a batched drain where the system lets us choose (as many as graphile-worker's local queue). */
export const ENQUEUE_BATCH = 1000;
export const DRAIN_BATCH = 500;
/** Callers that enqueue at once. */
export const ENQUEUERS = 2;
/** Connections of a batched drain at most: each system takes as many of them as it is fastest with. */
export const DRAIN_CONNECTIONS = 8;

/**
 * One queue in a database of its own on the server under test. Every method is called with nothing else running; times are
 * milliseconds of wall clock.
 */
export interface QueueSystem {
  /** With its version. */
  readonly name: string;
  /** Drops every job. */
  reset(): Promise<void>;
  /** What autovacuum does within a minute: fresh statistics and visibility. */
  settle(): Promise<void>;
  /** Puts `count` ready jobs in, `ENQUEUE_BATCH` a call, `ENQUEUERS` callers. Answers the time. */
  enqueue(count: number): Promise<number>;
  /** Takes and finishes `count` ready jobs in the system's fastest way, over `DRAIN_CONNECTIONS` connections. Answers the time. */
  drain(count: number): Promise<number>;
  /** The same one job at a time: each of `workers` claims one, finishes it, claims the next. */
  single(count: number, workers: number): Promise<number>;
  /**
   * One worker process with `slots` slots works off `count` ready jobs that take no time, as the product runs it: whatever it does
   * to report and claim for several slots together is part of it. `batched`: a peer's own way to do so, where it has one.
   */
  worker?(count: number, slots: number, batched: boolean): Promise<number>;
  /** A waiting worker and `count` jobs sent at `rate` a second whatever becomes of them: times from before the send to the start. */
  latency(rate: number, count: number): Promise<number[]>;
  /** Adds `rows` delayed and `rows` leased jobs. */
  backlog(rows: number): Promise<void>;
  /** Times of `times` claims that find nothing. */
  emptyClaim(times: number): Promise<number[]>;
  /** `count` jobs under keys that limit them, one at a time: the share kept of the rate without keys, and the most over a limit. */
  limited?(count: number, workers: number): Promise<Record<string, number>>;
  /** p99 from enqueue to start of a project's few jobs, alone and while another project has `jobs` queued. */
  tenants?(o: { jobs: number; probes: number }): Promise<Record<string, number>>;
  /** Jobs at a rate, `atOnce` an enqueue and `qty` at most a turn, with an old snapshot held or without: how much is kept, and left. */
  held?(o: {
    rate: number;
    seconds: number;
    snapshot: boolean;
    atOnce: number;
    qty: number;
  }): Promise<Record<string, number>>;
  close(): Promise<void>;
}

/** Runs `task` for 0 … count-1, `at` of them side by side. */
export async function sideBySide(
  count: number,
  at: number,
  task: (n: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: at }, async () => {
      while (next < count) await task(next++);
    }),
  );
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

/** Times of the same call one after the other. */
export async function timesOf(times: number, work: () => Promise<unknown>): Promise<number[]> {
  const all: number[] = [];
  for (let i = 0; i < times; i++) all.push(await timed(work));
  return all;
}

/** Open loop: sends number 0 … count-1 at a fixed rate without waiting for anything. Answers the times of sending. */
export async function sendAtRate(
  rate: number,
  count: number,
  send: (n: number) => Promise<unknown>,
): Promise<number[]> {
  const sent: number[] = [];
  const pending: Promise<unknown>[] = [];
  const began = performance.now();
  for (let n = 0; n < count; n++) {
    const wait = began + (n * 1000) / rate - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    sent.push(performance.now());
    // Queries of postgres.js are lazy: waiting for one is what sends it.
    pending.push((async () => send(n))());
  }
  await Promise.all(pending);
  return sent;
}

/** Collects the start of each numbered job and resolves when all have started. */
export class Starts {
  readonly #at: number[] = [];
  #left: number;
  #done: () => void = () => {};
  readonly all: Promise<void>;

  constructor(count: number) {
    this.#left = count;
    this.all = new Promise((resolve) => {
      this.#done = resolve;
    });
  }

  mark(n: number): void {
    if (this.#at[n] !== undefined) return;
    this.#at[n] = performance.now();
    if (--this.#left === 0) this.#done();
  }

  since(sent: readonly number[]): number[] {
    return sent.map((from, n) => this.#at[n]! - from);
  }
}
