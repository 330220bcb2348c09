/**
 * Time as the worker needs it: a duration counter, never a date. Leases are durations counted here, because the
 * database's clock is the only one that says what time it is.
 */
export interface Clock {
  /** Milliseconds on a clock that never jumps. */
  now(): number;
  /** Resolves after `ms`, or at once when `signal` aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const monotonicClock: Clock = {
  now: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, Math.max(0, ms));
      signal?.addEventListener('abort', done, { once: true });
    }),
};

/** Aborts after `ms` of the given clock or with `outer`; call `done()` when the guarded call has ended. */
export function deadline(
  clock: Clock,
  ms: number,
  outer?: AbortSignal,
): { signal: AbortSignal; done: () => void } {
  const timeout = new AbortController();
  const over = new AbortController();
  void clock.sleep(ms, over.signal).then(() => {
    if (!over.signal.aborted) timeout.abort(new DOMException(`no answer within ${ms} ms`, 'TimeoutError'));
  });
  const signal = outer ? AbortSignal.any([timeout.signal, outer]) : timeout.signal;
  return { signal, done: () => over.abort() };
}
