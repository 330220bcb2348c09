import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { toHalfvecText } from '@cogo/spec/hash_embedding.ts';
import type { Embedder } from './embedder.ts';
import { isSameModel, probeModel } from './fingerprint.ts';

/** A project's model as `cogo_api.lexicon` names it. */
export interface ModelRef {
  name: string;
  dims: number;
  fingerprint: string;
}

/** Makes the vector of a question with a project's model, as text for `cogo_api.search`. */
export type QuestionVector = (model: ModelRef, text: string, signal?: AbortSignal) => Promise<Result<string>>;

/**
 * Question vectors by the given embedders. Each is held against the model's fingerprint before its first use, once per fingerprint.
 * Errors: `not_configured` no embedder of that name here; `version_mismatch` it is another model; and what the embedder fails with.
 */
export function questionVectors(embedders: ReadonlyMap<string, Embedder>): QuestionVector {
  const checked = new Set<string>();
  return async (model, text, signal) => {
    const embedder = embedders.get(model.name);
    if (!embedder) {
      return failure(
        'not_configured',
        `The project's vectors are of ${model.name}, and no such embedder is configured here. Add it to cogo.config.json or COGO_EMBEDDERS.`,
        { details: { model: model.name } },
      );
    }
    const key = `${model.name} ${model.fingerprint}`;
    if (!checked.has(key)) {
      const probed = await probeModel(embedder, signal);
      if (!probed.ok) return probed;
      if (!isSameModel(probed.value, model.fingerprint)) {
        return failure(
          'version_mismatch',
          `${model.name} answers the probes otherwise than when the project's vectors were made.`,
          { details: { model: model.name } },
        );
      }
      checked.add(key);
    }
    const answer = await embedder.embed([text], { kind: 'question', signal });
    if (!answer.ok) return answer;
    const [one] = answer.value;
    if (!one?.ok)
      return failure(one?.error.code ?? 'provider_error', one?.error.message ?? 'No vector came back.');
    return ok(toHalfvecText(one.vector)!);
  };
}
