import { canonicalJson } from '@cogo/spec/canonical_json.ts';
import { successEnvelope } from '@cogo/spec/envelope.ts';
import { sha256Hex } from '@cogo/spec/sha256.ts';
import { traceStatus } from '@cogo/spec/schemas/trace-status.ts';
import { createApp, type CogoApp, type GivenDeps } from '../_shared/plane.ts';
import { jsonResponse } from '../_shared/respond.ts';

interface TraceRow {
  trace_id: string;
  status: string;
  function: string;
  counts: Record<string, number>;
  started_at: string | null;
  finished_at: string | null;
  duration_ms: number | null;
  events: unknown[];
  output: unknown;
  error: unknown;
}

export function makeApp(deps: GivenDeps = {}): CogoApp {
  return createApp({ name: 'trace-status', deps }).route(traceStatus, async (ctx) => {
    const found = await ctx.db.call<TraceRow>(
      'trace_status',
      { trace_id: ctx.query.trace_id },
      { signal: ctx.signal },
    );
    if (!found.ok) return ctx.failWith(found.error);
    const { trace_id: traceId, events, ...row } = found.value;
    const payload = {
      status: row.status,
      function: row.function,
      counts: row.counts,
      started_at: row.started_at,
      finished_at: row.finished_at,
      duration_ms: row.duration_ms,
      events,
      output: row.output ?? null,
      error: row.error ?? null,
    };
    const etag = `"${(await sha256Hex(canonicalJson(payload))).slice(0, 32)}"`;
    // A poller may keep the answer, and must ask each time whether it still holds.
    const headers = { etag, 'cache-control': 'private, no-cache' };
    if (matches(ctx.request.headers.get('if-none-match'), etag))
      return new Response(null, { status: 304, headers });
    // trace_id of the body is the trace asked about; this request's own is in the header X-Trace-Id.
    return jsonResponse(JSON.stringify(successEnvelope(traceId, payload)), 200, headers);
  });
}

/** `If-None-Match` of RFC 9110, weak comparison. */
function matches(header: string | null, etag: string): boolean {
  if (header === null) return false;
  return header.split(',').some((item) => {
    const tag = item.trim().replace(/^W\//, '');
    return tag === '*' || tag === etag;
  });
}

export const app = makeApp();
