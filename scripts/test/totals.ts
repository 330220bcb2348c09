export interface Totals {
  passed: number;
  failed: number;
  skipped: number;
  failures: string[];
  /** `name: reason` of each skipped test. */
  skips: string[];
}

export function emptyTotals(): Totals {
  return { passed: 0, failed: 0, skipped: 0, failures: [], skips: [] };
}

export function addTotals(a: Totals, b: Totals): Totals {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
    failures: [...a.failures, ...b.failures],
    skips: [...a.skips, ...b.skips],
  };
}

/** The closing line of a run. */
export function closingLine(t: Totals): string {
  return `${t.passed} passed, ${t.failed} failed${t.skipped > 0 ? `, ${t.skipped} skipped` : ''}`;
}
