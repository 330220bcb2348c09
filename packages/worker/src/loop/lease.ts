/** A worker stops its own work when this share of the lease has passed without an acknowledged beat. */
export const FENCE_SHARE = 0.8;

/** At most two beats a second, whatever the progress: every beat is a write. */
export const MIN_BEAT_MS = 500;

/** A third of the lease, up to 10 % early so that workers started together drift apart. */
export function beatEveryMs(leaseMs: number, random: () => number): number {
  return (leaseMs / 3) * (0.9 + 0.1 * random());
}

/** When the worker may no longer be sure of a lease whose last acknowledged request was *sent* at `sentAt`. */
export function fenceAt(sentAt: number, leaseMs: number): number {
  return sentAt + leaseMs * FENCE_SHARE;
}
