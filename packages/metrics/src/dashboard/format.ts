/** `340 ms`, `1.2 s`, `3 min 4 s`; a dash for nothing. */
export function milliseconds(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return '–';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.floor((ms % 60_000) / 1000)} s`;
}

/** How long before `now` (ms since the epoch): `12 s ago`, `5 min ago`, `3 h ago`, `2 d ago`. */
export function ago(at: string | null | undefined, now: number): string {
  const then = at ? Date.parse(at) : Number.NaN;
  if (!Number.isFinite(then)) return '–';
  const seconds = Math.max(0, Math.round((now - then) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** From start to end, or to `now` while it runs; null before it started. */
export function elapsed(
  started: string | null | undefined,
  finished: string | null | undefined,
  now: number,
): number | null {
  if (!started) return null;
  const ms = (finished ? Date.parse(finished) : now) - Date.parse(started);
  return Number.isFinite(ms) ? Math.max(0, ms) : null;
}
