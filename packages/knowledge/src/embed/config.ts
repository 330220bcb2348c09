// Which embedding providers there are: `embedders` of cogo.config.json and of COGO_EMBEDDERS (the same JSON), or one by COGO_EMBED_URL
// and its companions. Pure, for functions and Node alike. A key is only ever named here (key_env): it lives in the environment.
import { failure, ok, type Result } from '@cogo/spec/result.ts';

export interface EmbedderConfig {
  /** Name of the model in the project: `a-z0-9._-`. */
  name: string;
  /** Base of an OpenAI-compatible API, up to and with `/v1`. */
  url: string;
  /** As the provider calls it. */
  model: string;
  dims: number;
  /** Asks the provider to shorten its vectors to `dims`; only some models can. */
  shorten: boolean;
  key?: string;
  /** A text is cut to about so many tokens. Servers differ above 512. */
  maxTokens: number;
  /** Texts a request. */
  batch: number;
  /** Requests at a time. */
  concurrency: number;
  timeoutMs: number;
  /** Before a question and before a chunk, for models trained with such (E5). */
  queryPrefix: string;
  documentPrefix: string;
}

export const DEFAULT_MODEL = { name: 'bge-m3', model: 'BAAI/bge-m3', dims: 1024 } as const;
const NAME = /^[a-z0-9][a-z0-9._-]{0,99}$/;
/** Only such variables may hold a key: a repository's config must not be able to send another secret to an address it names. */
const KEY_ENV = /^COGO_EMBED[A-Z0-9_]*$/;

type Env = (name: string) => string | undefined;

/**
 * The configured embedders by name. `configText` is the text of cogo.config.json, if there is one; the environment wins.
 * Errors: `validation_failed` with the place and what is wrong.
 */
export function readEmbedders(env: Env, configText?: string): Result<Map<string, EmbedderConfig>> {
  const found = new Map<string, EmbedderConfig>();
  for (const [place, text] of [
    ['cogo.config.json', configText],
    ['COGO_EMBEDDERS', env('COGO_EMBEDDERS')],
  ] as const) {
    if (text === undefined || text.trim() === '') continue;
    const entries = entriesOf(text, place);
    if (!entries.ok) return entries;
    for (const [name, value] of Object.entries(entries.value)) {
      const config = embedderConfig(name, value, env, place);
      if (!config.ok) return config;
      found.set(name, config.value);
    }
  }
  const url = env('COGO_EMBED_URL');
  if (url) {
    const model = env('COGO_EMBED_MODEL') ?? DEFAULT_MODEL.model;
    const name = env('COGO_EMBED_NAME') ?? nameOf(model);
    const dims = env('COGO_EMBED_DIMS');
    const value = {
      url,
      model,
      dims: dims === undefined ? DEFAULT_MODEL.dims : Number(dims),
      key_env: 'COGO_EMBED_KEY',
    };
    const config = embedderConfig(name, value, env, 'COGO_EMBED_URL');
    if (!config.ok) return config;
    found.set(name, config.value);
  }
  return ok(found);
}

/** `BAAI/bge-m3` is `bge-m3` in a project. */
function nameOf(model: string): string {
  const last = model.split('/').at(-1) ?? model;
  return last.toLowerCase().replace(/[^a-z0-9._-]+/g, '-');
}

function entriesOf(text: string, place: string): Result<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return bad(place, 'is not JSON');
  }
  const map = place === 'cogo.config.json' && isRecord(parsed) ? (parsed['embedders'] ?? {}) : parsed;
  return isRecord(map) ? ok(map) : bad(place, 'must be an object: name -> {url, model, dims, …}');
}

function embedderConfig(name: string, value: unknown, env: Env, place: string): Result<EmbedderConfig> {
  const at = `${place}, embedder ${JSON.stringify(name)}`;
  if (!NAME.test(name)) return bad(at, 'its name must be 1 to 100 of a-z, 0-9, ".", "_", "-"');
  if (name === 'hash-1024-v1') return bad(at, 'hash-1024-v1 is built in');
  if (!isRecord(value)) return bad(at, 'must be an object');
  const { url, model, key_env } = value;
  const address = typeof url === 'string' ? urlOf(url) : undefined;
  if (!address || !/^https?:$/.test(address.protocol)) return bad(at, 'url must be an http(s) address');
  if (address.username || address.password) return bad(at, 'url must hold no credentials: use key_env');
  if (typeof model !== 'string' || model === '') return bad(at, 'model is missing');
  const numbers: Record<string, number> = {};
  for (const [key, fallback, least, most] of [
    ['dims', DEFAULT_MODEL.dims, 1, 4000],
    ['max_tokens', 480, 16, 8192],
    ['batch', 32, 1, 256],
    ['concurrency', 2, 1, 16],
    ['timeout_ms', 60_000, 100, 600_000],
  ] as const) {
    const number = value[key] ?? fallback;
    if (typeof number !== 'number' || !Number.isInteger(number) || number < least || number > most) {
      return bad(at, `${key} must be a whole number from ${least} to ${most}`);
    }
    numbers[key] = number;
  }
  if (key_env !== undefined && !(typeof key_env === 'string' && KEY_ENV.test(key_env))) {
    return bad(at, 'key_env must name an environment variable that begins with COGO_EMBED');
  }
  const key = key_env === undefined ? undefined : env(key_env);
  return ok({
    name,
    url: address.href.replace(/\/+$/, ''),
    model,
    dims: numbers['dims']!,
    shorten: value['shorten'] === true,
    ...(key ? { key } : {}),
    maxTokens: numbers['max_tokens']!,
    batch: numbers['batch']!,
    concurrency: numbers['concurrency']!,
    timeoutMs: numbers['timeout_ms']!,
    queryPrefix: typeof value['query_prefix'] === 'string' ? value['query_prefix'] : '',
    documentPrefix: typeof value['document_prefix'] === 'string' ? value['document_prefix'] : '',
  });
}

/** `URL.parse`, which Node 20 does not have. */
function urlOf(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

function bad(place: string, why: string): Result<never> {
  return failure('validation_failed', `${place}: ${why}.`, { details: { place } });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
