import { cogoError, type CogoError } from '@cogo/spec/errors.ts';
import type { EmbedderConfig } from './config.ts';
import type { EmbedderDeps } from './openai_embedder.ts';

/** One request's outcome. Vectors are by their index in the request and may hold nulls; `busy` may be asked again. */
export type Answer =
  | { kind: 'vectors'; vectors: Map<number, (number | null)[]> }
  | { kind: 'refused'; error: CogoError }
  | { kind: 'busy'; error: CogoError; retryAfterMs?: number }
  | { kind: 'failed'; error: CogoError };

/** One POST /embeddings, with its time limit. Never throws. The key goes in a header and nowhere else. */
export async function requestEmbeddings(
  config: EmbedderConfig,
  deps: Pick<EmbedderDeps, 'fetch' | 'now'>,
  texts: string[],
  signal: AbortSignal | undefined,
): Promise<Answer> {
  const aborted: Answer = { kind: 'failed', error: cogoError('aborted', 'Embedding was stopped.') };
  if (signal?.aborted) return aborted;
  const limit = AbortSignal.timeout(config.timeoutMs);
  try {
    const response = await deps.fetch(`${config.url}/embeddings`, {
      method: 'POST',
      // A redirect would carry the key to an address nobody configured.
      redirect: 'error',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        ...(config.key === undefined ? {} : { authorization: `Bearer ${config.key}` }),
      },
      body: JSON.stringify({
        model: config.model,
        input: texts,
        encoding_format: 'float',
        ...(config.shorten ? { dimensions: config.dims } : {}),
      }),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    const body = await response.text();
    return response.ok ? readVectors(config, body, texts.length) : readFailure(config, deps, response, body);
  } catch (error) {
    if (signal?.aborted) return aborted;
    if (limit.aborted) {
      const said = `${config.name} did not answer within ${config.timeoutMs / 1000} s.`;
      return { kind: 'busy', error: cogoError('timeout', said) };
    }
    const why = withoutKey(config, reason(error));
    return { kind: 'busy', error: cogoError('unavailable', `${config.name} cannot be reached (${why}).`) };
  }
}

function readVectors(config: EmbedderConfig, body: string, count: number): Answer {
  const parsed = parseJson(body);
  const data = (parsed as { data?: unknown } | undefined)?.data;
  if (!Array.isArray(data)) {
    const said = `${config.name} answered with something that is not a list of embeddings.`;
    return { kind: 'busy', error: cogoError('provider_error', said) };
  }
  const vectors = new Map<number, (number | null)[]>();
  data.forEach((item: { index?: unknown; embedding?: unknown } | null, position) => {
    const index = typeof item?.index === 'number' ? item.index : position;
    if (Number.isInteger(index) && index >= 0 && index < count && Array.isArray(item?.embedding)) {
      vectors.set(index, item.embedding as (number | null)[]);
    }
  });
  return { kind: 'vectors', vectors };
}

/** JSON, or JSON with the NaN and Infinity that some servers write into it; those become null. */
function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    try {
      return JSON.parse(body.replace(/([[,:]\s*)-?(?:NaN|Infinity)(?=\s*[\],}])/g, '$1null'));
    } catch {
      return undefined;
    }
  }
}

function readFailure(
  config: EmbedderConfig,
  deps: Pick<EmbedderDeps, 'now'>,
  response: Response,
  body: string,
): Answer {
  const { status } = response;
  const said = withoutKey(config, messageOf(body));
  const text = `${config.name} answered ${status}${said === '' ? '' : `: ${said}`}.`;
  if (status === 429 || status === 503) {
    const retryAfterMs = retryAfter(response.headers.get('retry-after'), deps.now());
    const error = cogoError(status === 429 ? 'rate_limited' : 'unavailable', text);
    return { kind: 'busy', error, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  }
  if (status >= 500 || status === 408) return { kind: 'busy', error: cogoError('provider_error', text) };
  if (status === 400 || status === 413 || status === 422) {
    return { kind: 'refused', error: cogoError('provider_error', text, { retryable: false }) };
  }
  return {
    kind: 'failed',
    error: cogoError('provider_error', text, { retryable: false, details: { status } }),
  };
}

/** Milliseconds of a Retry-After header: seconds, or a date (RFC 9110, 10.2.3). */
export function retryAfter(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  const seconds = Number(header);
  if (header.trim() !== '' && Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

function messageOf(body: string): string {
  let message: unknown = body;
  try {
    const parsed = JSON.parse(body) as { error?: { message?: unknown } | string; message?: unknown };
    message = typeof parsed.error === 'string' ? parsed.error : (parsed.error?.message ?? parsed.message);
  } catch {
    // not JSON: a proxy's page, of which the beginning says enough
  }
  if (typeof message !== 'string') return '';
  return message.replace(/\s+/g, ' ').trim().replace(/\.$/, '').slice(0, 200);
}

function withoutKey(config: EmbedderConfig, text: string): string {
  const hidden = config.key ? text.replaceAll(config.key, '[key]') : text;
  return hidden.replace(/\b(sk|pk|key)-[A-Za-z0-9*_-]{6,}/g, '[key]');
}

function reason(error: unknown): string {
  const cause = (error as { cause?: { code?: string } }).cause;
  return cause?.code ?? (error instanceof Error ? error.message : String(error));
}
