import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { toHalfvecText } from '@cogo/spec/hash_embedding.ts';
import type { CallRpc } from '../answer/span.ts';
import type { Embedded, Embedder } from './embedder.ts';
import { isSameModel, probeModel } from './fingerprint.ts';

export interface FillOptions {
  rpc: CallRpc;
  /** uuid */
  projectId: string;
  embedder: Embedder;
  signal?: AbortSignal;
  /** Stops after about so long, with what is done kept. Milliseconds. */
  budgetMs?: number;
  now?: () => number;
  onProgress?: (report: FillReport) => void;
}

export interface FillReport {
  stored: number;
  failed: number;
  /** Chunks whose text was cut to the model's limit. */
  cut: number;
  /** Chunks that still want a vector, held by others or put off among them. */
  left: number;
  /** Seconds until one of those shows; null when none will. */
  nextInS: number | null;
}

interface Taken {
  model: { name: string; dims: number; fingerprint: string };
  items: { chunk_id: number | string; text: string }[];
  left: number;
  next_in_s: number | null;
}

/** How long a batch is hidden from others: longer than the embedder may take, with its retries. */
const LEASE_S = 600;

/**
 * Fills a model's queue: takes chunks, embeds them, stores the vectors, until none is left to take. Any number of fillers may work on
 * one model; whatever happens to one, its chunks show again. A chunk that cannot be embedded is noted with its reason and the rest go on.
 * Errors: `version_mismatch` the provider is no longer the model the project's vectors are of; `not_found`, `illegal_transition` the
 * model was cancelled or retired meanwhile; and what the embedder and `embed_take`, `embed_put` fail with: what was taken is handed back.
 */
export async function fillModel(options: FillOptions): Promise<Result<FillReport>> {
  const { embedder, signal } = options;
  const now = options.now ?? Date.now;
  const until = now() + (options.budgetMs ?? Number.POSITIVE_INFINITY);
  const report: FillReport = { stored: 0, failed: 0, cut: 0, left: 0, nextInS: null };
  let error: Extract<Result<never>, { ok: false }> | undefined;
  let fingerprint: string | undefined;

  const first = await take(options);
  if (!first.ok) return first;
  if (first.value.items.length > 0) {
    const probed = await probeModel(embedder, signal);
    const same = probed.ok && isSameModel(probed.value, first.value.model.fingerprint);
    if (!same) {
      await putBack(options, first.value);
      if (!probed.ok) return probed;
      return failure(
        'version_mismatch',
        `${embedder.name} answers the probes otherwise than when its vectors were made: it is another model now. Start it under a name of its own, or configure the old one.`,
        { details: { model: embedder.name } },
      );
    }
    fingerprint = first.value.model.fingerprint;
  }

  const lanes = Array.from({ length: embedder.concurrency }, (_, lane) =>
    work(lane === 0 ? first.value : undefined),
  );
  await Promise.all(lanes);
  return error ?? ok(report);

  async function work(given: Taken | undefined): Promise<void> {
    let taken = given;
    for (;;) {
      if (error || fingerprint === undefined) break;
      if (signal?.aborted) error ??= failure('aborted', 'Embedding was stopped; what was done is kept.');
      if (!error && taken === undefined && now() < until) {
        const next = await take(options);
        if (next.ok) taken = next.value;
        else error ??= next;
      }
      if (error || taken === undefined) break;
      note(taken);
      if (taken.items.length === 0) return;
      const batch = taken;
      taken = undefined;
      const done = await embedBatch(batch);
      if (!done.ok) error ??= done;
    }
    if (taken) {
      note(taken);
      await putBack(options, taken);
    }
  }

  function note(taken: Taken): void {
    report.left = taken.left;
    report.nextInS = taken.next_in_s;
  }

  async function embedBatch(taken: Taken): Promise<Result<void>> {
    const answer = await embedder.embed(
      taken.items.map((item) => item.text),
      { kind: 'document', signal },
    );
    if (!answer.ok) {
      await putBack(options, taken);
      return answer;
    }
    const items = taken.items.map((item, at) => row(item.chunk_id, answer.value[at]!));
    const put = await options.rpc.call<{ stored: number; failed: number }>('embed_put', {
      project_id: options.projectId,
      model: embedder.name,
      fingerprint: fingerprint!,
      items,
    });
    if (!put.ok) {
      await putBack(options, taken);
      return put;
    }
    report.stored += put.value.stored;
    report.failed += put.value.failed;
    report.cut += answer.value.filter((one) => one.ok && one.cut).length;
    report.left = Math.max(0, report.left - taken.items.length);
    options.onProgress?.({ ...report });
    return ok(undefined);
  }
}

function row(chunk_id: number | string, one: Embedded): Record<string, unknown> {
  if (one.ok) return { chunk_id, embedding: toHalfvecText(one.vector) };
  return { chunk_id, code: one.error.code, message: one.error.message, final: one.final };
}

async function take(options: FillOptions): Promise<Result<Taken>> {
  const { rpc, projectId, embedder, signal } = options;
  return await rpc.call<Taken>(
    'embed_take',
    { project_id: projectId, model: embedder.name, qty: embedder.batch, lease_s: LEASE_S },
    signal ? { signal } : {},
  );
}

/** Best effort and without the caller's signal: what is not handed back shows again when its lease ends. */
async function putBack(options: FillOptions, taken: Taken): Promise<void> {
  await options.rpc.call('embed_put', {
    project_id: options.projectId,
    model: options.embedder.name,
    fingerprint: taken.model.fingerprint,
    items: taken.items.map((item) => ({ chunk_id: item.chunk_id, release: true })),
  });
}
