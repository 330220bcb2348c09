// Cross-origin calls from browsers (https://fetch.spec.whatwg.org/#http-cors-protocol). Credentials travel in headers,
// never in cookies, so any origin may call unless COGO_CORS_ORIGINS (comma-separated) narrows it.

const ALLOWED_HEADERS = [
  'authorization',
  'apikey',
  'content-type',
  'accept',
  'x-client-info',
  'x-cogo-token',
  'x-trace-id',
  'traceparent',
  'idempotency-key',
  'last-event-id',
  'if-none-match',
  'if-match',
  'x-timestamp',
  'x-signature',
  'x-region',
];

const EXPOSED_HEADERS = [
  'x-trace-id',
  'idempotency-replayed',
  'ratelimit-limit',
  'ratelimit-remaining',
  'ratelimit-reset',
  'retry-after',
  'etag',
  'allow',
];

export function corsHeaders(
  origin: string | null,
  env: (key: string) => string | undefined,
): Record<string, string> {
  const list = (env('COGO_CORS_ORIGINS') ?? '*').split(',').map((item) => item.trim());
  const exposed = { 'access-control-expose-headers': EXPOSED_HEADERS.join(', ') };
  if (list.includes('*')) return { 'access-control-allow-origin': '*', ...exposed };
  // Caches must not hand one origin's answer to another.
  if (origin === null || !list.includes(origin)) return { vary: 'Origin' };
  return { 'access-control-allow-origin': origin, vary: 'Origin', ...exposed };
}

export function preflightHeaders(methods: string[]): Record<string, string> {
  return {
    'access-control-allow-methods': methods.join(', '),
    'access-control-allow-headers': ALLOWED_HEADERS.join(', '),
    'access-control-max-age': '86400',
  };
}
