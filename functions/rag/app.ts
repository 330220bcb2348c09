import { rag, ragSearch, type RagRequest } from '@cogo/spec/schemas/rag.ts';
import type { SearchAnswer } from '@cogo/knowledge/answer/search.ts';
import type { Context } from '../_shared/context.ts';
import { createApp, type CogoApp, type GivenDeps } from '../_shared/plane.ts';
import { searchSummary } from '../_shared/search_summary.ts';
import {
  findEvidence,
  findHits,
  publicSpan,
  type EvidenceQuestion,
} from '@cogo/knowledge/answer/find_evidence.ts';

export function makeApp(deps: GivenDeps = {}): CogoApp {
  return createApp({
    name: 'rag',
    deps,
    configured: () => ({ lexical: true, vector: 'hash-1024-v1', graph: false }),
  })
    .route(rag, async (ctx) => {
      if (!ctx.wantsStream) {
        const found = await findEvidence(questionOf(ctx));
        if (!found.ok) return ctx.failWith(found.error);
        announce(ctx, found.value);
        return ctx.ok(payloadOf(found.value));
      }
      return ctx.sse(async (stream) => {
        const found = await findEvidence(questionOf(ctx));
        if (!found.ok) return ctx.failWith(found.error);
        for (const [index, span] of found.value.items.entries()) {
          const frame = { trace_id: ctx.traceId, index, ...publicSpan(span) };
          if (!(await stream.send('rag.item', frame))) return;
        }
        announce(ctx, found.value);
        await stream.send('rag.done', { trace_id: ctx.traceId, ...searchSummary(found.value) });
      });
    })
    .route(ragSearch, async (ctx) => {
      const found = await findHits(questionOf(ctx));
      return found.ok ? ctx.ok(payloadOf(found.value)) : ctx.failWith(found.error);
    });
}

function questionOf(ctx: Context<RagRequest>): EvidenceQuestion {
  const { project_id, q, limit, strategy, filter, explain } = ctx.body;
  return { rpc: ctx.db, projectId: project_id, q, limit, strategy, filter, explain, signal: ctx.signal };
}

function payloadOf(found: SearchAnswer) {
  return { items: found.items.map(publicSpan), ...searchSummary(found) };
}

function announce(ctx: Context<RagRequest>, found: SearchAnswer): void {
  ctx.emit('rag.done', { ...searchSummary(found), chunk_ids: found.items.map((item) => item.chunk_id) });
}

export const app = makeApp();
