// Secrets never reach a log line. Patterns first for text, then names for structured values.

const PATTERNS: [RegExp, string][] = [
  [/\bcogo_(pt|wt)_[0-9A-Za-z]{6,}/g, 'cogo_$1_[redacted]'],
  [/\bsb_(publishable|secret)_[0-9A-Za-z_-]{6,}/g, 'sb_$1_[redacted]'],
  [/\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]*/g, '[redacted jwt]'],
  [/\b(sk|rk|pk)-[A-Za-z0-9_-]{12,}/g, '$1-[redacted]'],
  [/\b(gh[pousr]_|github_pat_|glpat-|xox[abprs]-|AKIA|AIza|npm_)[A-Za-z0-9_-]{10,}/g, '$1[redacted]'],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9+/=._~-]{6,}/gi, '$1 [redacted]'],
  // user:password@ of any URL
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@:]*:[^\s/@]*@/gi, '$1[redacted]@'],
  [/([?&](?:apikey|api_key|key|token|access_token|secret|password|signature)=)[^&\s"']+/gi, '$1[redacted]'],
];

const SECRET_NAME =
  /^(authorization|cookie|set-cookie|apikey|api[_-]?key|x-cogo-token|x-signature|secret|.*_secret|.*_key|password|passwd|.*password|token|.*_token|accesstoken|cogotoken|kek|dek|credentials|private[_-]?key)$/i;
// Names that end like a secret's but hold none.
const HARMLESS =
  /^(idempotency_key|concurrency_key|job_key|primary_key|lock_token_state|prompt_token|completion_token)$/i;

export function redactText(text: string): string {
  return PATTERNS.reduce((clean, [pattern, replacement]) => clean.replace(pattern, replacement), text);
}

/** A copy without secrets: by field name, and by pattern inside every string. Cycles and depth beyond 8 are cut. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint' ? String(value) : value;
  if (depth >= 8) return '[deep]';
  if (value instanceof Error) {
    return { name: value.name, message: redactText(value.message), stack: redactText(value.stack ?? '') };
  }
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) =>
      SECRET_NAME.test(name) && !HARMLESS.test(name) && member !== null && member !== undefined
        ? [name, '[redacted]']
        : [name, redact(member, depth + 1)],
    ),
  );
}
