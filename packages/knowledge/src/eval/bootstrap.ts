/** A mean with its 95 % percentile bootstrap interval (Efron 1979). */
export interface Estimate {
  mean: number;
  low: number;
  high: number;
  n: number;
}

const ROUNDS = 2000;

/** Seeded, so that the same values always give the same interval. */
export function estimate(values: readonly number[], seed = 20_261_121): Estimate {
  const n = values.length;
  if (n === 0) return { mean: 0, low: 0, high: 0, n };
  const random = mulberry32(seed);
  const means = Array.from({ length: ROUNDS }, () => {
    let sum = 0;
    for (let i = 0; i < n; i += 1) sum += values[Math.floor(random() * n)]!;
    return sum / n;
  }).sort((a, b) => a - b);
  const at = (share: number) => round(means[Math.min(ROUNDS - 1, Math.floor(share * ROUNDS))]!);
  return { mean: round(mean(values)), low: at(0.025), high: at(0.975), n };
}

/** The mean difference of two runs over the same questions: resamples the questions, so what both find hard cancels. */
export function pairedDifference(ours: readonly number[], theirs: readonly number[]): Estimate {
  if (ours.length !== theirs.length) throw new RangeError('the two runs have different questions');
  return estimate(ours.map((value, at) => value - theirs[at]!));
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(values.length, 1);
}

function round(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}

/** Deterministic numbers in [0, 1). */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
