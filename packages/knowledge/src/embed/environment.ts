// The embedders of the running process, wherever it runs: Node, or Deno in an Edge Function.
import { wait } from '@cogo/spec/wait.ts';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { readEmbedders } from './config.ts';
import type { Embedder } from './embedder.ts';
import { openaiEmbedder } from './openai_embedder.ts';
import { type QuestionVector, questionVectors } from './question_vectors.ts';

export interface Surroundings {
  env(name: string): string | undefined;
  fetch?: typeof fetch;
  wait?(ms: number, signal?: AbortSignal): Promise<void>;
  /** The text of the repository's cogo.config.json. */
  configText?: string | undefined;
}

/** Every configured embedder by name. Errors: `validation_failed` the configuration cannot be understood. */
export function embeddersOf(given: Surroundings): Result<Map<string, Embedder>> {
  const configs = readEmbedders(given.env, given.configText);
  if (!configs.ok) return configs;
  const deps = {
    fetch: given.fetch ?? ((input: Parameters<typeof fetch>[0], init?: RequestInit) => fetch(input, init)),
    wait: given.wait ?? wait,
    now: Date.now,
    random: Math.random,
  };
  return ok(new Map([...configs.value].map(([name, config]) => [name, openaiEmbedder(config, deps)])));
}

/** One configured embedder. Errors: `not_configured` with the names there are. */
export function embedderNamed(embedders: ReadonlyMap<string, Embedder>, name: string): Result<Embedder> {
  const found = embedders.get(name);
  if (found) return ok(found);
  const available = [...embedders.keys()];
  const others = available.length === 0 ? 'None is configured' : `Configured: ${available.join(', ')}`;
  return failure(
    'not_configured',
    `No embedder ${name} is configured here. ${others}. Add it under "embedders" in cogo.config.json, or in COGO_EMBEDDERS.`,
    { details: { reason: 'model_provider_missing', model: name, available } },
  );
}

let ofProcess: Result<Map<string, Embedder>> | undefined;
let questions: QuestionVector | undefined;

/** The embedders that the process' environment configures; read once. */
export function processEmbedders(): Result<Map<string, Embedder>> {
  ofProcess ??= embeddersOf({ env: processEnv });
  return ofProcess;
}

/** Question vectors by those. */
export function processQuestionVector(): QuestionVector {
  questions ??= (() => {
    const embedders = processEmbedders();
    return embedders.ok ? questionVectors(embedders.value) : async () => embedders;
  })();
  return questions;
}

interface Runtime {
  Deno?: { env: { get(name: string): string | undefined } };
  process?: { env: Record<string, string | undefined> };
}

// A permission that was not granted reads as an unset variable.
function processEnv(name: string): string | undefined {
  const { Deno, process } = globalThis as Runtime;
  try {
    return Deno ? Deno.env.get(name) : process?.env[name];
  } catch {
    return undefined;
  }
}
