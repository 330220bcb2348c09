/** Full jitter (Brooker, "Exponential backoff and jitter"): uniform in [0, min(cap, base * 2^attempt)). Milliseconds. */
export function backoffMs(attempt: number, random: () => number, baseMs = 500, capMs = 30_000): number {
  return random() * Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30));
}

/** Poll interval of an idle worker after `misses` empty claims: 0.25 s growing to 5 s, +-20 % so that many do not march in step. */
export function idlePollMs(misses: number, random: () => number): number {
  const base = Math.min(5_000, 250 * 1.6 ** Math.min(Math.max(0, misses - 1), 30));
  return base * (0.8 + 0.4 * random());
}
