// Projects that still sign with the shared secret do not always hand it to their functions. Then the Auth server itself
// is asked whose token it is; slower, and it sees revoked sessions too.
import type { JwtVerdict } from './jwt.ts';

const TIMEOUT_MS = 5_000;

export async function askAuthServer(
  token: string,
  options: { url: string; apikey: string; fetch: typeof fetch },
): Promise<JwtVerdict> {
  try {
    const response = await options.fetch(`${options.url.replace(/\/+$/, '')}/auth/v1/user`, {
      headers: { apikey: options.apikey, authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (response.status === 401 || response.status === 403) {
      await response.body?.cancel();
      return { ok: false, problem: 'bad_signature' };
    }
    if (!response.ok) {
      await response.body?.cancel();
      return { ok: false, problem: 'key_set_unavailable' };
    }
    const user = (await response.json()) as { id?: unknown; role?: unknown } | null;
    if (typeof user?.id !== 'string') return { ok: false, problem: 'bad_signature' };
    return {
      ok: true,
      claims: { sub: user.id, role: typeof user.role === 'string' ? user.role : 'authenticated' },
    };
  } catch {
    return { ok: false, problem: 'key_set_unavailable' };
  }
}
