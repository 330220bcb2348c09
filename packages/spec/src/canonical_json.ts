// RFC 8785 (JSON Canonicalization Scheme): one text for one JSON value, so that a hash names the value.

/**
 * Canonical text of a JSON value: keys sorted by UTF-16 units, no white space, numbers as ECMAScript prints them.
 * `undefined` members are left out as JSON.stringify does. Throws TypeError on what JSON can not hold (NaN, bigint,
 * cycles): such a value never came from JSON, so it is the program's fault and not the caller's.
 */
export function canonicalJson(value: unknown): string {
  return write(value, new Set());
}

function write(value: unknown, open: Set<object>): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`JSON has no number ${value}`);
    return JSON.stringify(value);
  }
  if (typeof value !== 'object') throw new TypeError(`JSON has no ${typeof value}`);
  if (open.has(value)) throw new TypeError('JSON has no cycles');
  open.add(value);
  const text = Array.isArray(value) ? writeArray(value, open) : writeObject(value, open);
  open.delete(value);
  return text;
}

function writeArray(values: unknown[], open: Set<object>): string {
  return `[${values.map((item) => write(item === undefined ? null : item, open)).join(',')}]`;
}

function writeObject(value: object, open: Set<object>): string {
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([key, member]) => `${JSON.stringify(key)}:${write(member, open)}`);
  return `{${members.join(',')}}`;
}
