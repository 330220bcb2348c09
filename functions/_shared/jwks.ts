// The published keys of the project's Auth server, cached. An unknown key id means the keys were rotated: fetch again,
// but not more often than the pause allows, so that made-up ids can not turn into a flood of fetches.

type Algorithm = 'ES256' | 'RS256';
export type KeyLookup =
  | { ok: true; keys: CryptoKey[] }
  | { ok: false; problem: 'unknown_key' | 'key_set_unavailable' };

export interface KeySet {
  /** Keys that may verify a token of this algorithm; all of them when the token names none. */
  find(algorithm: Algorithm, kid: string | undefined): Promise<KeyLookup>;
}

interface PublishedKey {
  kid?: string | undefined;
  algorithm: Algorithm;
  key: CryptoKey;
}

const FRESH_MS = 600_000;
const PAUSE_MS = 10_000;
const FETCH_TIMEOUT_MS = 5_000;

export function remoteKeySet(options: { url: string; fetch: typeof fetch; now: () => number }): KeySet {
  let keys: PublishedKey[] = [];
  let loadedAt = Number.NEGATIVE_INFINITY;
  let triedAt = Number.NEGATIVE_INFINITY;
  let failed = false;
  let loading: Promise<void> | undefined;

  const load = async () => {
    triedAt = options.now();
    try {
      const response = await options.fetch(options.url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
      if (!response.ok) throw new Error(`status ${response.status}`);
      keys = await importKeys(await response.json());
      loadedAt = options.now();
      failed = false;
    } catch {
      // Old keys stay good: an outage of the key server must not log everybody out.
      failed = true;
    }
  };
  const refresh = () => (loading ??= load().finally(() => (loading = undefined)));
  const pick = (algorithm: Algorithm, kid: string | undefined) =>
    keys
      .filter((item) => item.algorithm === algorithm && (kid === undefined || item.kid === kid))
      .map((item) => item.key);

  return {
    async find(algorithm, kid) {
      const rested = () => options.now() - triedAt >= PAUSE_MS;
      if (loading) await loading;
      if (options.now() - loadedAt > FRESH_MS && rested()) await refresh();
      let found = pick(algorithm, kid);
      if (found.length === 0 && rested()) {
        await refresh();
        found = pick(algorithm, kid);
      }
      if (found.length > 0) return { ok: true, keys: found };
      return { ok: false, problem: failed ? 'key_set_unavailable' : 'unknown_key' };
    },
  };
}

async function importKeys(document: unknown): Promise<PublishedKey[]> {
  const list = (document as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(list)) throw new Error('not a key set');
  const imported: PublishedKey[] = [];
  for (const jwk of list as (JsonWebKey & { kid?: string })[]) {
    const algorithm = algorithmOf(jwk);
    if (algorithm === undefined || (jwk.use !== undefined && jwk.use !== 'sig')) continue;
    const parameters =
      algorithm === 'ES256'
        ? { name: 'ECDSA', namedCurve: 'P-256' }
        : { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
    try {
      // key_ops of the document are not asked: some issuers list none or more than verify.
      const { key_ops: _ops, ...bare } = jwk;
      const key = await crypto.subtle.importKey('jwk', { ...bare, ext: true }, parameters, false, ['verify']);
      imported.push({ kid: jwk.kid, algorithm, key });
    } catch {
      // One unreadable key must not hide the others.
    }
  }
  return imported;
}

function algorithmOf(jwk: JsonWebKey): Algorithm | undefined {
  if (jwk.kty === 'EC' && jwk.crv === 'P-256' && (jwk.alg === undefined || jwk.alg === 'ES256'))
    return 'ES256';
  if (jwk.kty === 'RSA' && (jwk.alg === undefined || jwk.alg === 'RS256')) return 'RS256';
  return undefined;
}
