import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Embedder } from '@cogo/knowledge/embed/embedder.ts';
import type { QuestionVector } from '@cogo/knowledge/embed/question_vectors.ts';
import type { Io } from '../io.ts';
import { unwrap } from '../unwrap.ts';

const CONFIG = 'cogo.config.json';

/** The embedders that the nearest cogo.config.json and the environment name. Throws CommandError when they cannot be understood. */
export async function embeddersHere(io: Io): Promise<Map<string, Embedder>> {
  const { embeddersOf } = await import('@cogo/knowledge/embed/environment.ts');
  const configText = nearestConfig(io.cwd);
  return unwrap(
    embeddersOf({ env: (name) => io.env[name], ...(configText === undefined ? {} : { configText }) }),
    'read the configured embedders',
  );
}

/** Question vectors by those embedders; reads them only when a project's model asks for it. */
export function questionVectorHere(io: Io): QuestionVector {
  let made: Promise<QuestionVector> | undefined;
  return async (model, text, signal) => {
    made ??= (async () => {
      const { questionVectors } = await import('@cogo/knowledge/embed/question_vectors.ts');
      return questionVectors(await embeddersHere(io));
    })();
    return await (await made)(model, text, signal);
  };
}

/**
 * What children of the stack need to embed: every COGO_EMBED… variable, with the `embedders` of the nearest cogo.config.json put into
 * COGO_EMBEDDERS, where the environment's own win.
 */
export function embedderEnvironment(io: Pick<Io, 'cwd' | 'env'>): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const [name, value] of Object.entries(io.env))
    if (/^COGO_EMBED[A-Z0-9_]*$/.test(name) && value !== undefined) passed[name] = value;
  const ofRepo = record(record(parse(nearestConfig(io.cwd)))['embedders']);
  const own = record(parse(passed['COGO_EMBEDDERS']));
  const all = { ...ofRepo, ...own };
  if (Object.keys(all).length > 0) passed['COGO_EMBEDDERS'] = JSON.stringify(all);
  return passed;
}

function nearestConfig(from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    try {
      return readFileSync(join(folder, CONFIG), 'utf8');
    } catch {
      if (dirname(folder) === folder) return undefined;
    }
  }
}

function parse(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined; // said where it is used
  }
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}
