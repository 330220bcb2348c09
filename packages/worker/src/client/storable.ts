/**
 * The same value with every text made storable in jsonb: NUL becomes U+2400, half of a surrogate pair U+FFFD. Output of
 * programs holds both, and Postgres refuses the whole call for either, beats included.
 */
export function storable<T>(value: T): T {
  // As JSON both are escapes, which few values have; and that is much faster to see than to look through.
  return /\\u(?:0000|d[89a-f])/.test(JSON.stringify(value) ?? '') ? (replace(value) as T) : value;
}

function replace(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('\0', '\u2400').replace(/\p{Surrogate}/gu, '\ufffd');
  if (Array.isArray(value)) return value.map(replace);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [replace(key), replace(inner)]));
}
