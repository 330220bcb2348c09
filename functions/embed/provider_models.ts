// The embedding models of configured providers, with the fingerprint each proves once.
import type { Embedder } from '@cogo/knowledge/embed/embedder.ts';
import { embedderNamed, embeddersOf } from '@cogo/knowledge/embed/environment.ts';
import { probeModel } from '@cogo/knowledge/embed/fingerprint.ts';
import { ok, type Result } from '@cogo/spec/result.ts';
import type { EmbedItem, EmbedRequest } from '@cogo/spec/schemas/embed.ts';
import type { Deps } from '../_shared/deps.ts';

export interface ProviderModel {
  embedder: Embedder;
  fingerprint: string;
}

/** Finds a configured model by name; asks it the probes on first use. */
export type FindModel = (name: string, signal: AbortSignal) => Promise<Result<ProviderModel>>;

export function providerModels(deps: Pick<Deps, 'env' | 'fetch' | 'wait'>): FindModel {
  const known = new Map<string, ProviderModel>();
  return async (name, signal) => {
    const before = known.get(name);
    if (before) return ok(before);
    const embedders = embeddersOf(deps);
    if (!embedders.ok) return embedders;
    const embedder = embedderNamed(embedders.value, name);
    if (!embedder.ok) return embedder;
    const fingerprint = await probeModel(embedder.value, signal);
    if (!fingerprint.ok) return fingerprint;
    const found = { embedder: embedder.value, fingerprint: fingerprint.value };
    known.set(name, found);
    return ok(found);
  };
}

/** Names of the configured models; none when the configuration cannot be understood. */
export function modelNames(env: Deps['env']): string[] {
  const embedders = embeddersOf({ env });
  return embedders.ok ? [...embedders.value.keys()] : [];
}

/** Vectors of some texts by a provider, each item failing alone. Errors: those of the embedder as a whole. */
export async function embedByProvider(
  { embedder }: ProviderModel,
  items: EmbedRequest['items'],
  signal: AbortSignal,
): Promise<Result<EmbedItem[]>> {
  const answer = await embedder.embed(
    items.map((item) => item.text),
    { kind: 'document', signal },
  );
  if (!answer.ok) return answer;
  return ok(
    items.map(({ id }, at): EmbedItem => {
      const one = answer.value[at]!;
      if (one.ok) return { id, embedding: Array.from(one.vector) };
      return { id, error: { code: one.error.code, message: one.error.message } };
    }),
  );
}
