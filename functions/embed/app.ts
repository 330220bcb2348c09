import { HASH_DIMENSIONS, HASH_FINGERPRINT, HASH_MODEL_ID } from '@cogo/spec/hash_embedding.ts';
import { embed } from '@cogo/spec/schemas/embed.ts';
import { createApp, type CogoApp, type GivenDeps } from '../_shared/plane.ts';
import { BATCH_ITEMS, embedBatch, MAX_ITEMS } from './embed_batch.ts';

const MODEL = {
  model: HASH_MODEL_ID,
  dimensions: HASH_DIMENSIONS,
  fingerprint: HASH_FINGERPRINT,
  provider: 'cogo-embedded',
};

export function makeApp(deps: GivenDeps = {}): CogoApp {
  return createApp({
    name: 'embed',
    deps,
    configured: () => ({ model: HASH_MODEL_ID, provider: false }),
  }).route(embed, async (ctx) => {
    const { items, model, job_id } = ctx.body;
    if (model !== undefined && model !== HASH_MODEL_ID) {
      return ctx.fail(
        'not_configured',
        `No provider is configured for the embedding model ${model}. Leave model out, or ask for ${HASH_MODEL_ID}.`,
        { details: { reason: 'model_provider_missing', model, available: [HASH_MODEL_ID] } },
      );
    }
    if (items.length > MAX_ITEMS) {
      return ctx.fail(
        'validation_failed',
        `At most ${MAX_ITEMS} items a request, not ${items.length}. Send them in parts.`,
        {
          details: { field: 'items', maximum: MAX_ITEMS },
        },
      );
    }
    const count = { count: 0, failed: 0 };
    const next = (from: number) => {
      const batch = embedBatch(items.slice(from, from + BATCH_ITEMS));
      count.count += batch.length;
      count.failed += batch.filter((item) => 'error' in item).length;
      return batch;
    };
    const announce = () => ctx.emit('embed.done', { ...MODEL, ...count, ...(job_id ? { job_id } : {}) });
    if (ctx.wantsStream) {
      return ctx.sse(async (stream) => {
        for (let from = 0, index = 0; from < items.length; from += BATCH_ITEMS, index++) {
          if (!(await stream.send('embed.chunk', { trace_id: ctx.traceId, index, items: next(from) })))
            return;
        }
        announce();
        await stream.send('embed.done', { trace_id: ctx.traceId, ...MODEL, ...count });
      });
    }
    const embedded = [];
    for (let from = 0; from < items.length; from += BATCH_ITEMS) embedded.push(...next(from));
    announce();
    // Vectors are large and can be made again: the trace keeps the counts only.
    ctx.output = { ...MODEL, ...count };
    return ctx.ok({ ...MODEL, ...count, items: embedded });
  });
}

export const app = makeApp();
