export interface Spread {
  n: number;
  median: number;
  /** Interquartile range: 25th and 75th percentile. */
  p25: number;
  p75: number;
}

/** The q-quantile (0 to 1) of some numbers, linear between the two nearest (R-7, as in NumPy and Excel). NaN of none. */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  const high = Math.ceil(at);
  return sorted[low]! + (sorted[high]! - sorted[low]!) * (at - low);
}

/** Median and interquartile range, of two values or more; one measurement has no spread. */
export function spreadOf(values: readonly number[]): Spread | null {
  if (values.length < 2) return null;
  return {
    n: values.length,
    median: round(quantile(values, 0.5)),
    p25: round(quantile(values, 0.25)),
    p75: round(quantile(values, 0.75)),
  };
}

/** Three significant digits are what such measurements can carry; whole numbers from 1,000 on. */
export function round(value: number): number {
  return Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(3));
}
