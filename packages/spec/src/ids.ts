// Trace ids and W3C Trace Context (https://www.w3.org/TR/trace-context/).

const TRACE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{7,63}$/;
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** A new trace id: 32 lower-case hex digits, never all zero, so it is a W3C trace-id as it stands. */
export function newTraceId(): string {
  return crypto.randomUUID().replaceAll('-', '');
}

/** 8 to 64 letters, digits, `.`, `_` or `-`: safe in a header, a topic name, a log line and a URL. */
export function isTraceId(value: unknown): value is string {
  return typeof value === 'string' && TRACE_ID.test(value);
}

export function isUuid(value: unknown): value is string {
  return typeof value === 'string' && UUID.test(value);
}

export interface Traceparent {
  /** 32 hex digits. */
  traceId: string;
  /** 16 hex digits, the caller's span. */
  spanId: string;
  sampled: boolean;
}

/** Parses a `traceparent` header; `undefined` when malformed (the standard says: restart the trace). */
export function parseTraceparent(value: string | null | undefined): Traceparent | undefined {
  const match = TRACEPARENT.exec(value ?? '');
  if (match === null) return undefined;
  const [, version, traceId, spanId, flags, rest] = match;
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (/^0+$/.test(traceId!) || /^0+$/.test(spanId!)) return undefined;
  return { traceId: traceId!, spanId: spanId!, sampled: (Number.parseInt(flags!, 16) & 1) === 1 };
}

/** `traceparent` for an upstream call: this trace, a new span. */
export function formatTraceparent(traceId: string, spanId: string = newSpanId()): string {
  return `00-${w3cTraceId(traceId)}-${spanId}-01`;
}

/** 16 random hex digits. */
export function newSpanId(): string {
  const id = newTraceId().slice(0, 16);
  return id === '0000000000000000' ? newSpanId() : id;
}

/**
 * The 32 hex digits that stand for any trace id: itself when it is one (or a uuid), else a 128-bit FNV-1a hash, so
 * that the same id always leads to the same upstream trace.
 */
export function w3cTraceId(traceId: string): string {
  const plain = traceId.replaceAll('-', '').toLowerCase();
  if (/^[0-9a-f]{32}$/.test(plain) && !/^0+$/.test(plain)) return plain;
  let hash = 0x6c62272e07bb014262b821756295c58dn;
  for (const byte of new TextEncoder().encode(traceId)) {
    hash = BigInt.asUintN(128, (hash ^ BigInt(byte)) * 0x0000000001000000000000000000013bn);
  }
  return hash.toString(16).padStart(32, '0');
}

/** The trace id of a request: `X-Trace-Id` when valid, else that of `traceparent`, else a new one. */
export function traceIdOf(headers: { get(name: string): string | null }): string {
  const own = headers.get('x-trace-id');
  if (isTraceId(own)) return own;
  return parseTraceparent(headers.get('traceparent'))?.traceId ?? newTraceId();
}
