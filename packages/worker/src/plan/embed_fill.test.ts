import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Embedder } from '@cogo/knowledge/embed/embedder.ts';
import { probeModel } from '@cogo/knowledge/embed/fingerprint.ts';
import { scriptedVector } from '@cogo/knowledge/embed/scripted_server.ts';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import type { ClaimedJob } from '../client/worker_link.ts';
import { embedFill } from './embed_fill.ts';
import type { PlanContext } from './handler.ts';

const embedder = (fail?: Result<never>): Embedder => {
  let probed = false;
  return {
    name: 'm',
    dims: 16,
    batch: 2,
    concurrency: 1,
    maxTokens: 480,
    async embed(texts) {
      if (fail && probed) return fail;
      probed = true;
      return ok(
        texts.map((text) => ({
          ok: true as const,
          vector: Float32Array.from(scriptedVector(text, 16)),
          cut: false,
        })),
      );
    },
  };
};

/** A queue of so many chunks in memory, and the context of a job on it. */
async function stage(chunks: number, one = embedder()) {
  const fingerprint = await probeModel(embedder());
  assert.ok(fingerprint.ok);
  const queue = Array.from({ length: chunks }, (_, at) => ({ chunk_id: at, text: `text ${at}` }));
  const steps: string[] = [];
  const rpc = {
    async call<T>(fn: string, args: Record<string, unknown> = {}): Promise<Result<T>> {
      if (fn === 'embed_take') {
        const items = queue.splice(0, 2);
        const model = { name: 'm', dims: 16, fingerprint: fingerprint.value };
        return ok({ model, items, left: items.length + queue.length, next_in_s: null } as T);
      }
      const items = args['items'] as { chunk_id: number; release?: boolean }[];
      for (const { chunk_id, release } of items)
        if (release) queue.push({ chunk_id, text: `text ${chunk_id}` });
      return ok({ stored: items.filter((item) => !item.release).length, failed: 0 } as T);
    },
  };
  const context = {
    rpc,
    signal: new AbortController().signal,
    step: async <T>(name: string, work: () => T | Promise<T>) => {
      steps.push(name);
      return await work();
    },
    progress: () => {},
  } as unknown as PlanContext;
  const job = { type: 'embed.fill', payload: { model: 'm' }, projectId: 'p' } as ClaimedJob;
  return { queue, steps, run: () => embedFill(() => ok(new Map([['m', one]]))).run(job, context) };
}

test('a job fills its model and says how much', async () => {
  const { run, steps } = await stage(5);
  assert.deepEqual(await run(), { kind: 'finished', result: { model: 'm', stored: 5, failed: 0, left: 0 } });
  assert.deepEqual(steps, ['round 1']);
});

test('a provider that is full is tried again when it says, and the chunks are back in the queue', async () => {
  const { run, queue } = await stage(
    4,
    embedder(failure('rate_limited', 'slow down', { details: { retry_after_s: 120 } })),
  );
  const outcome = await run();
  assert.ok(outcome.kind === 'failed' && outcome.retryable);
  assert.equal(outcome.retryAfterS, 120);
  assert.equal(queue.length, 4);
});

test('a model that is not configured here is a dead letter that says what to do', async () => {
  const { run } = await stage(1, embedder());
  const handler = embedFill(() => ok(new Map()));
  const outcome = await handler.run({ payload: { model: 'x' } } as ClaimedJob, {} as PlanContext);
  assert.ok(outcome.kind === 'failed' && !outcome.retryable);
  assert.match(outcome.error.message, /COGO_EMBEDDERS/);
  assert.equal((await run()).kind, 'finished');
});
