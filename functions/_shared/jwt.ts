// Verifies JSON Web Tokens (RFC 7519) with WebCrypto. Which algorithms are allowed is decided here and never by the
// token: HS256 only with the shared secret, ES256 and RS256 only with a published key of that type.
import type { KeySet } from './jwks.ts';

export interface Claims {
  sub?: string;
  role?: string;
  exp?: number;
  nbf?: number;
  [claim: string]: unknown;
}

/** Why a token was refused. `key_set_unavailable` is the server's trouble, all else the caller's. */
export type JwtProblem =
  | 'malformed'
  | 'algorithm_refused'
  | 'algorithm_not_configured'
  | 'unknown_key'
  | 'bad_signature'
  | 'expired'
  | 'not_yet_valid'
  | 'key_set_unavailable';

export type JwtVerdict = { ok: true; claims: Claims } | { ok: false; problem: JwtProblem };

export interface JwtVerifier {
  /** Shared secret of HS256, when the project has one. */
  secret?: string | undefined;
  keySet?: KeySet | undefined;
  /** Milliseconds. */
  now: number;
  /** Seconds two clocks may differ. */
  leewayS?: number;
}

const encoder = new TextEncoder();

export function looksLikeJwt(text: string): boolean {
  return /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/.test(text);
}

export async function verifyJwt(token: string, verifier: JwtVerifier): Promise<JwtVerdict> {
  const parts = token.split('.');
  const header = decodeJson(parts[0]);
  const claims = decodeJson(parts[1]);
  const signature = decodeBase64Url(parts[2]);
  if (parts.length !== 3 || !header || !claims || !signature) return refuse('malformed');

  const signed = encoder.encode(`${parts[0]}.${parts[1]}`);
  const verdict = await checkSignature(header, signed, signature, verifier);
  if (verdict !== undefined) return refuse(verdict);

  // Only after the signature: a forged token learns nothing about time.
  const { exp, nbf } = claims as Claims;
  const seconds = verifier.now / 1000;
  const leeway = verifier.leewayS ?? 5;
  if (typeof exp !== 'number') return refuse('malformed');
  if (seconds >= exp + leeway) return refuse('expired');
  if (nbf !== undefined && (typeof nbf !== 'number' || seconds < nbf - leeway))
    return refuse('not_yet_valid');
  return { ok: true, claims: claims as Claims };
}

async function checkSignature(
  header: Record<string, unknown>,
  signed: Uint8Array,
  signature: Uint8Array,
  verifier: JwtVerifier,
): Promise<JwtProblem | undefined> {
  const { alg } = header;
  // RFC 7515 4.1.11: extensions that must be understood and are not.
  if (header['crit'] !== undefined) return 'malformed';
  if (alg === 'HS256') {
    if (!verifier.secret) return 'algorithm_not_configured';
    const algorithm = { name: 'HMAC', hash: 'SHA-256' };
    const key = await crypto.subtle.importKey('raw', encoder.encode(verifier.secret), algorithm, false, [
      'verify',
    ]);
    return (await crypto.subtle.verify('HMAC', key, signature as BufferSource, signed as BufferSource))
      ? undefined
      : 'bad_signature';
  }
  if (alg !== 'ES256' && alg !== 'RS256') return 'algorithm_refused';
  if (!verifier.keySet) return 'algorithm_not_configured';
  const kid = typeof header['kid'] === 'string' ? header['kid'] : undefined;
  const found = await verifier.keySet.find(alg, kid);
  if (!found.ok) return found.problem;
  const algorithm = alg === 'ES256' ? { name: 'ECDSA', hash: 'SHA-256' } : { name: 'RSASSA-PKCS1-v1_5' };
  for (const key of found.keys) {
    if (await crypto.subtle.verify(algorithm, key, signature as BufferSource, signed as BufferSource))
      return undefined;
  }
  return 'bad_signature';
}

function refuse(problem: JwtProblem): JwtVerdict {
  return { ok: false, problem };
}

function decodeJson(part: string | undefined): Record<string, unknown> | undefined {
  const bytes = decodeBase64Url(part);
  if (!bytes) return undefined;
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function decodeBase64Url(part: string | undefined): Uint8Array | undefined {
  if (part === undefined || !/^[A-Za-z0-9_-]*$/.test(part)) return undefined;
  try {
    const binary = atob(part.replaceAll('-', '+').replaceAll('_', '/'));
    return Uint8Array.from(binary, (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}
