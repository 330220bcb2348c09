import type { RateRule } from '@cogo/spec/operation.ts';
import { sha256Hex } from '@cogo/spec/sha256.ts';
import type { RateVerdict } from './begin.ts';
import type { Deps } from './deps.ts';
import type { Principal } from './principal.ts';

export const DEFAULT_RATE: RateRule = { capacity: 120, refill_per_s: 10 };

/**
 * The bucket of a caller, or none: the service is not limited. Anonymous callers are told apart by address, which a
 * client outside a trusted proxy can make up; the address is hashed, for it is nobody's business.
 */
export async function bucketOf(
  name: string,
  principal: Principal,
  headers: Headers,
  rule: RateRule,
  env: Deps['env'],
): Promise<{ bucket: string; capacity: number; refill_per_s: number; cost: number } | undefined> {
  // COGO_RATE_SCALE: 0 turns limits off, 2 doubles them.
  const scale = env('COGO_RATE_SCALE') === undefined ? 1 : Number(env('COGO_RATE_SCALE'));
  if (principal.kind === 'service' || scale === 0) return undefined;
  const factor = Number.isFinite(scale) && scale > 0 ? scale : 1;
  const who =
    principal.kind === 'anon' ? `anon:${(await sha256Hex(addressOf(headers))).slice(0, 16)}` : principal.id;
  return {
    bucket: `${name}:${who}`,
    capacity: Math.max(1, rule.capacity * factor),
    refill_per_s: rule.refill_per_s * factor,
    cost: rule.cost ?? 1,
  };
}

/** A name for whoever calls without credentials of their own, by address and key; the same caller gets the same one. */
export async function anonymousCaller(headers: Headers, apikey: string | undefined): Promise<string> {
  return await sha256Hex(`${addressOf(headers)}\n${apikey ?? ''}`);
}

function addressOf(headers: Headers): string {
  return (
    headers.get('cf-connecting-ip') ??
    headers.get('x-real-ip') ??
    headers.get('x-forwarded-for')?.split(',')[0]?.trim() ??
    ''
  );
}

/** RateLimit fields (IETF draft-ietf-httpapi-ratelimit-headers, version 03) and Retry-After (RFC 9110). */
export function rateHeaders(rate: RateVerdict): Record<string, string> {
  return {
    'ratelimit-limit': String(rate.limit),
    'ratelimit-remaining': String(rate.remaining),
    'ratelimit-reset': String(rate.reset_s),
    ...(rate.allowed ? {} : { 'retry-after': String(rate.retry_after_s) }),
  };
}

const MAX_BUCKETS = 10_000;

/**
 * Buckets in memory, per isolate, for reads: they leave no trace row, and a poll must not cost a write. The count is
 * therefore per isolate; what protects the database is its own limit.
 */
export class MemoryBuckets {
  private readonly buckets = new Map<string, { tokens: number; at: number }>();

  take(
    rule: { bucket: string; capacity: number; refill_per_s: number; cost: number },
    nowMs: number,
  ): RateVerdict {
    const known = this.buckets.get(rule.bucket);
    const gained = known ? ((nowMs - known.at) / 1000) * rule.refill_per_s : 0;
    let tokens = Math.min(rule.capacity, (known?.tokens ?? rule.capacity) + Math.max(gained, 0));
    const allowed = tokens >= rule.cost;
    if (allowed) tokens -= rule.cost;
    // Re-inserted at the end, so the first entry is the one longest unused.
    this.buckets.delete(rule.bucket);
    this.buckets.set(rule.bucket, { tokens, at: nowMs });
    if (this.buckets.size > MAX_BUCKETS) this.buckets.delete(this.buckets.keys().next().value!);
    return {
      allowed,
      limit: rule.capacity,
      remaining: Math.floor(tokens),
      reset_s: Math.ceil((rule.capacity - tokens) / rule.refill_per_s),
      retry_after_s: allowed ? 0 : Math.max(1, Math.ceil((rule.cost - tokens) / rule.refill_per_s)),
    };
  }
}
