export interface BackoffOptions {
  firstMs: number;
  capMs: number;
  /** A child that lived this long had a good start: the next crash counts as the first. */
  stableMs: number;
}

export const RESTART: BackoffOptions = { firstMs: 500, capMs: 30_000, stableMs: 60_000 };

/** How long to wait before the next start, after `crashes` (>= 1) in a row. Doubles up to the cap. */
export function restartDelay(crashes: number, options: BackoffOptions = RESTART): number {
  return Math.min(options.capMs, options.firstMs * 2 ** Math.min(crashes - 1, 20));
}

/** Crashes in a row, given those before and how long the child that has just ended lived. */
export function crashesInARow(before: number, livedMs: number, options: BackoffOptions = RESTART): number {
  return livedMs >= options.stableMs ? 1 : before + 1;
}
