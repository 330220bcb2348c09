// Any server with OpenAI's POST /v1/embeddings: TEI, vLLM, llama.cpp, Ollama, hosted ones.
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import type { EmbedderConfig } from './config.ts';
import type { Embedded, Embedder, EmbedOptions } from './embedder.ts';
import { type Answer, requestEmbeddings } from './openai_request.ts';
import { cappedText } from './token_cap.ts';

export interface EmbedderDeps {
  fetch: typeof fetch;
  /** Resolves after `ms`, or at once when the signal aborts. */
  wait(ms: number, signal?: AbortSignal): Promise<void>;
  now(): number;
  /** 0 to 1, for jitter. */
  random(): number;
}

const TRIES = 4;
const LONGEST_WAIT_MS = 60_000;

/** An embedder on an OpenAI-compatible server. See `Embedder` for how it fails. */
export function openaiEmbedder(config: EmbedderConfig, deps: EmbedderDeps): Embedder {
  return {
    name: config.name,
    dims: config.dims,
    batch: config.batch,
    concurrency: config.concurrency,
    maxTokens: config.maxTokens,
    async embed(texts, options) {
      const prefix = options.kind === 'question' ? config.queryPrefix : config.documentPrefix;
      const out: Embedded[] = new Array(texts.length);
      const asked: Asked[] = [];
      texts.forEach((text, at) => {
        if (!/[\p{L}\p{N}]/u.test(text)) {
          const message = text.trim() === '' ? 'The text is empty.' : 'The text has no word in it.';
          out[at] = { ok: false, error: { code: 'validation_failed', message }, final: true };
          return;
        }
        const capped = cappedText(text, config.maxTokens);
        asked.push({ at, text: prefix + capped, cut: capped.length < text.length });
      });
      for (let from = 0; from < asked.length; from += config.batch) {
        const failed = await embedSome(config, deps, asked.slice(from, from + config.batch), options, out, 0);
        if (failed) return failed;
      }
      return ok(out);
    },
  };
}

interface Asked {
  at: number;
  text: string;
  cut: boolean;
}
type Failed = Extract<Result<never>, { ok: false }>;

async function embedSome(
  config: EmbedderConfig,
  deps: EmbedderDeps,
  asked: Asked[],
  options: EmbedOptions,
  out: Embedded[],
  again: number,
): Promise<Failed | undefined> {
  if (asked.length === 0) return undefined;
  const answer = await persistently(config, deps, asked, options.signal);
  if (answer.kind === 'failed') return answer.result;
  if (answer.kind === 'refused') {
    if (asked.length === 1) {
      out[asked[0]!.at] = { ok: false, error: answer.error, final: true };
      return undefined;
    }
    // One text may spoil the whole request: halve until it stands alone.
    const middle = asked.length >> 1;
    return (
      (await embedSome(config, deps, asked.slice(0, middle), options, out, again)) ??
      (await embedSome(config, deps, asked.slice(middle), options, out, again))
    );
  }
  const lengths = new Set([...answer.vectors.values()].map((vector) => vector.length));
  if (answer.vectors.size > 0 && !lengths.has(config.dims)) {
    return failure(
      'provider_error',
      `${config.name} answers with ${[...lengths].join(' and ')} dimensions, not ${config.dims}. Set dims of the embedder right.`,
      { retryable: false, details: { model: config.name, dims: config.dims } },
    );
  }
  const missing: Asked[] = [];
  asked.forEach((one, index) => {
    const values = answer.vectors.get(index);
    if (values === undefined) missing.push(one);
    else out[one.at] = embedded(values, one, config);
  });
  if (missing.length === 0) return undefined;
  // A server that leaves texts out gets them again, on their own; what it leaves out twice has failed.
  if (again === 0) return await embedSome(config, deps, missing, options, out, 1);
  for (const one of missing) {
    const error = { code: 'provider_error' as const, message: `${config.name} left this text out.` };
    out[one.at] = { ok: false, error, final: false };
  }
  return undefined;
}

function embedded(values: (number | null)[], { cut }: Asked, config: EmbedderConfig): Embedded {
  const wrong = (message: string, final: boolean): Embedded => ({
    ok: false,
    error: { code: 'provider_error', message },
    final,
  });
  if (values.length !== config.dims) {
    return wrong(`${config.name} gave ${values.length} dimensions, not ${config.dims}.`, false);
  }
  let norm = 0;
  for (const value of values) {
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      return wrong(`${config.name} gave a vector with a value that is not a number.`, false);
    }
    norm += value * value;
  }
  norm = Math.sqrt(norm);
  if (!(norm > 1e-12) || !Number.isFinite(norm))
    return wrong(`${config.name} gave a vector of norm ${norm}.`, true);
  return { ok: true, vector: Float32Array.from(values as number[], (value) => value / norm), cut };
}

type Lasting = Extract<Answer, { kind: 'vectors' | 'refused' }> | { kind: 'failed'; result: Failed };

/** Asks until there is an answer, a refusal, or no hope. Waits as long as the server says (Retry-After), else 0.5 s, 1 s, 2 s with jitter. */
async function persistently(
  config: EmbedderConfig,
  deps: EmbedderDeps,
  asked: Asked[],
  signal: AbortSignal | undefined,
): Promise<Lasting> {
  for (let tries = 1; ; tries += 1) {
    const answer = await requestEmbeddings(
      config,
      deps,
      asked.map((one) => one.text),
      signal,
    );
    if (answer.kind === 'vectors' || answer.kind === 'refused') return answer;
    if (answer.kind === 'failed') return { kind: 'failed', result: { ok: false, error: answer.error } };
    const wait = answer.retryAfterMs ?? 500 * 2 ** (tries - 1) * (0.5 + deps.random() / 2);
    if (tries >= TRIES || wait > LONGEST_WAIT_MS) {
      const details = {
        model: config.name,
        ...(answer.retryAfterMs === undefined
          ? {}
          : { retry_after_s: Math.ceil(answer.retryAfterMs / 1000) }),
      };
      return { kind: 'failed', result: failure(answer.error.code, answer.error.message, { details }) };
    }
    await deps.wait(wait, signal);
  }
}
