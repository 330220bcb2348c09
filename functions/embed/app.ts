import { HASH_DIMENSIONS, HASH_FINGERPRINT, HASH_MODEL_ID } from '@cogo/spec/hash_embedding.ts';
import { ok, type Result } from '@cogo/spec/result.ts';
import { embed, type EmbedItem, type EmbedRequest } from '@cogo/spec/schemas/embed.ts';
import { completeDeps } from '../_shared/deps.ts';
import { createApp, type CogoApp, type GivenDeps } from '../_shared/plane.ts';
import { BATCH_ITEMS, embedBatch, MAX_ITEMS } from './embed_batch.ts';
import { embedByProvider, modelNames, providerModels } from './provider_models.ts';

const BUILT_IN = {
  model: HASH_MODEL_ID,
  dimensions: HASH_DIMENSIONS,
  fingerprint: HASH_FINGERPRINT,
  provider: 'cogo-embedded',
};

type Items = EmbedRequest['items'];

export function makeApp(deps: GivenDeps = {}): CogoApp {
  const find = providerModels(completeDeps(deps));
  return createApp({
    name: 'embed',
    deps,
    configured: (env) => ({ model: HASH_MODEL_ID, provider: modelNames(env).join(',') || false }),
  }).route(embed, async (ctx) => {
    const { items, model, job_id } = ctx.body;
    const signal = ctx.signal;
    if (items.length > MAX_ITEMS) {
      return ctx.fail(
        'validation_failed',
        `At most ${MAX_ITEMS} items a request, not ${items.length}. Send them in parts.`,
        { details: { field: 'items', maximum: MAX_ITEMS } },
      );
    }
    let summary = BUILT_IN;
    let vectors = async (batch: Items): Promise<Result<EmbedItem[]>> => ok(embedBatch(batch));
    if (model !== undefined && model !== HASH_MODEL_ID) {
      if (ctx.principal.kind === 'anon') {
        return ctx.fail('unauthorized', `${model} is a provider's: sign in, or send a project token.`);
      }
      const found = await find(model, signal);
      if (!found.ok) return ctx.failWith(found.error, { via: `provider:${model}` });
      const { embedder, fingerprint } = found.value;
      summary = { model, dimensions: embedder.dims, fingerprint, provider: model };
      vectors = (batch) => embedByProvider(found.value, batch, signal);
    }
    const count = { count: 0, failed: 0 };
    const next = async (from: number): Promise<Result<EmbedItem[]>> => {
      const batch = await vectors(items.slice(from, from + BATCH_ITEMS));
      if (!batch.ok) return batch;
      count.count += batch.value.length;
      count.failed += batch.value.filter((item) => 'error' in item).length;
      return batch;
    };
    const via = summary === BUILT_IN ? {} : { via: `provider:${summary.model}` };
    const announce = () => ctx.emit('embed.done', { ...summary, ...count, ...(job_id ? { job_id } : {}) });
    if (ctx.wantsStream) {
      return ctx.sse(async (stream) => {
        for (let from = 0, index = 0; from < items.length; from += BATCH_ITEMS, index++) {
          const batch = await next(from);
          if (!batch.ok) return ctx.failWith(batch.error, via);
          if (!(await stream.send('embed.chunk', { trace_id: ctx.traceId, index, items: batch.value })))
            return;
        }
        announce();
        await stream.send('embed.done', { trace_id: ctx.traceId, ...summary, ...count });
      });
    }
    const embedded = [];
    for (let from = 0; from < items.length; from += BATCH_ITEMS) {
      const batch = await next(from);
      if (!batch.ok) return ctx.failWith(batch.error, via);
      embedded.push(...batch.value);
    }
    announce();
    // Vectors are large and can be made again: the trace keeps the counts only.
    ctx.output = { ...summary, ...count };
    return ctx.ok({ ...summary, ...count, items: embedded });
  });
}

export const app = makeApp();
