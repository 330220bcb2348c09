import { joinBytes } from '@cogo/spec/bytes.ts';
import { cogoError, type CogoError } from '@cogo/spec/errors.ts';
import { err, failure, ok, type Result } from '@cogo/spec/result.ts';

/** The private bucket of artifacts (`jobs/<job>/<attempt>/<set>/<file>`) and of large payloads (`payloads/<project>/<name>`). */
export const BUCKET = 'cogo-artifacts';

export interface StoreCall {
  signal?: AbortSignal;
}

/** Objects of the bucket. Made once, never changed, deleted by the server when nobody needs them; who may do what is decided by the policies on `storage.objects`. */
export interface ArtifactStore {
  /** Putting the same path again is harmless: the first object stays. Errors: `forbidden`, `payload_too_large`, `unavailable`. */
  put(path: string, bytes: Uint8Array, mime: string, o?: StoreCall): Promise<Result<void>>;
  /** @param maxBytes more than this is `payload_too_large`, not read. Errors: `not_found` (also: not allowed), `unavailable`. */
  get(path: string, maxBytes: number, o?: StoreCall): Promise<Result<Uint8Array>>;
  /**
   * Deletes objects; answers the paths that were there. Only with the secret key: others delete none.
   * @param paths at most 1,000. Errors: `forbidden`, `unavailable`.
   */
  remove(paths: string[], o?: StoreCall): Promise<Result<string[]>>;
}

/** The Storage API of a gateway, embedded or hosted, with the credentials of a worker or of a member. */
export function gatewayStore(o: {
  url: string;
  apikey: string;
  /** `cogo_wt_…` or `cogo_pt_…`; without one `accessToken` or the key decides. */
  cogoToken?: string;
  /** JWT of a user. */
  accessToken?: string;
  fetch?: typeof fetch;
}): ArtifactStore {
  const fetcher: typeof fetch = o.fetch ?? ((input, init) => fetch(input, init));
  const headers = {
    apikey: o.apikey,
    authorization: `Bearer ${o.accessToken ?? o.apikey}`,
    ...(o.cogoToken ? { 'x-cogo-token': o.cogoToken } : {}),
  };
  const call = async (path: string, init: RequestInit): Promise<Result<Response>> => {
    const segments = path.split('/');
    if (!segments.every((word) => /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/.test(word))) {
      return failure('validation_failed', `${JSON.stringify(path)} is no path of an artifact.`);
    }
    return send(`/${path}`, init);
  };
  const send = async (below: string, init: RequestInit): Promise<Result<Response>> => {
    try {
      return ok(
        await fetcher(`${o.url}/storage/v1/object/${BUCKET}${below}`, {
          ...init,
          headers: { ...headers, ...init.headers },
        }),
      );
    } catch (error) {
      if (init.signal?.aborted) return failure('aborted', 'The transfer was aborted.');
      const cause = (error as { cause?: { code?: string } }).cause?.code ?? (error as Error).message;
      return failure('unavailable', `Storage at ${o.url} does not answer (${cause}).`);
    }
  };
  return {
    async put(path, bytes, mime, { signal } = {}) {
      const got = await call(path, {
        method: 'POST',
        body: bytes as BodyInit,
        headers: { 'content-type': mime, 'x-upsert': 'false' },
        ...(signal ? { signal } : {}),
      });
      if (!got.ok) return got;
      if (got.value.ok) {
        await got.value.body?.cancel();
        return ok(undefined);
      }
      const problem = await explain(got.value, path);
      return problem === 'present' ? ok(undefined) : err(problem);
    },
    async get(path, maxBytes, { signal } = {}) {
      const got = await call(path, { method: 'GET', ...(signal ? { signal } : {}) });
      if (!got.ok) return got;
      if (!got.value.ok) {
        const problem = await explain(got.value, path);
        return err(problem === 'present' ? cogoError('unavailable', 'Storage gave no answer.') : problem);
      }
      const parts: Uint8Array[] = [];
      let size = 0;
      try {
        for await (const part of got.value.body ?? []) {
          parts.push(part);
          size += part.length;
          if (size > maxBytes) {
            return failure('payload_too_large', `${path} has more than the allowed ${maxBytes} bytes.`);
          }
        }
      } catch (error) {
        if (signal?.aborted) return failure('aborted', 'The transfer was aborted.');
        return failure('unavailable', `Storage broke off (${(error as Error).message}).`);
      }
      return ok(joinBytes(parts));
    },
    async remove(paths, { signal } = {}) {
      const got = await send('', {
        method: 'DELETE',
        body: JSON.stringify({ prefixes: paths }),
        headers: { 'content-type': 'application/json' },
        ...(signal ? { signal } : {}),
      });
      if (!got.ok) return got;
      if (!got.value.ok) {
        const problem = await explain(got.value, BUCKET);
        return err(problem === 'present' ? cogoError('unavailable', 'Storage gave no answer.') : problem);
      }
      const said: unknown = await got.value.json().catch(() => null);
      if (!Array.isArray(said)) return failure('unavailable', 'Storage did not say what it deleted.');
      return ok(said.flatMap((row: { name?: unknown }) => (typeof row?.name === 'string' ? [row.name] : [])));
    },
  };
}

/** What a refused transfer means. Storage says most things with 400 and the real status in the body. */
async function explain(response: Response, path: string): Promise<CogoError | 'present'> {
  const text = await response.text().catch(() => '');
  let said: { statusCode?: unknown; error?: unknown; message?: unknown } = {};
  try {
    said = JSON.parse(text) as typeof said;
  } catch {
    // Not from Storage itself: the status has to do.
  }
  const status = Number(said.statusCode ?? response.status) || response.status;
  const message = typeof said.message === 'string' ? said.message : `Storage answered ${response.status}.`;
  if (status === 409 || said.error === 'Duplicate') return 'present';
  if (status === 413) return cogoError('payload_too_large', `${path}: ${message}`);
  if (status === 404) return cogoError('not_found', `${path}: ${message}`);
  if (status === 401 || status === 403) return cogoError('forbidden', `${path}: ${message}`);
  if (status === 429 || status >= 500) return cogoError('unavailable', `${path}: ${message}`);
  return cogoError('bad_request', `${path}: ${message}`);
}
