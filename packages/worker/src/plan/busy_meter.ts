const TICK_MS = 10;

/**
 * Estimates the CPU time of this event loop: a timer that comes late says how long the loop was busy. Stretches shorter than a
 * tick are missed, waiting for the processor counts as use; good enough to stop well before a hard limit that has no clock to ask.
 *
 * @returns `ms()` since the start, and `stop()`, which must be called
 */
export function busyMeter(now: () => number = () => performance.now()): { ms(): number; stop(): void } {
  let busy = 0;
  let last = now();
  const timer = setInterval(() => {
    const at = now();
    busy += Math.max(0, at - last - TICK_MS);
    last = at;
  }, TICK_MS);
  return { ms: () => busy, stop: () => clearInterval(timer) };
}
