// Who is at the other end: by the project's two keys, or by a JWT of the auth server.
import { createHmac, timingSafeEqual } from 'node:crypto';

export type Role = 'anon' | 'authenticated' | 'service_role';

export interface Identity {
  role: Role;
  claims: Record<string, unknown>;
  /** Milliseconds since the epoch; null for the project's keys, which do not expire. */
  expiresAt: number | null;
}

export interface Credentials {
  publishableKey: string;
  secretKey: string;
  jwtSecret: string;
}

export type Identified = { ok: true; identity: Identity } | { ok: false; reason: string };

const ALGORITHMS: Record<string, string> = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' };

/** A key or a JWT. `reason` is what Supabase Realtime answers, `Code: sentence`. `now` in milliseconds. */
export function identify(token: string, credentials: Credentials, now: number): Identified {
  if (sameText(token, credentials.secretKey)) return known('service_role');
  if (sameText(token, credentials.publishableKey)) return known('anon');
  if (token.startsWith('sb_'))
    return { ok: false, reason: 'InvalidAPIKey: The API key is not of this project' };
  return verifyJwt(token, credentials.jwtSecret, now);
}

/** HS256, HS384 or HS512 with claims `role` and `exp`; only the three API roles are taken on. */
export function verifyJwt(token: string, secret: string, now: number): Identified {
  const [head, body, signature, ...rest] = token.trim().split('.');
  const header = parsePart(head);
  const claims = parsePart(body);
  if (!header || !claims || !signature || rest.length > 0) {
    return { ok: false, reason: 'MalformedJWT: The token provided is not a valid JWT' };
  }
  const algorithm = ALGORITHMS[String(header['alg'])];
  if (!algorithm)
    return { ok: false, reason: 'JwtSignerError: The JWT is not signed with HS256, HS384 or HS512' };
  const expected = createHmac(algorithm, secret).update(`${head}.${body}`).digest();
  const given = Buffer.from(signature, 'base64url');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    return { ok: false, reason: 'JwtSignatureError: Failed to validate JWT signature' };
  }
  const { role, exp, nbf } = claims;
  if (typeof role !== 'string' || typeof exp !== 'number') {
    return { ok: false, reason: 'InvalidJWTToken: Fields `role` and `exp` are required in JWT' };
  }
  if (role !== 'anon' && role !== 'authenticated' && role !== 'service_role') {
    return { ok: false, reason: 'InvalidJWTToken: The role of the JWT is not one of the API' };
  }
  const seconds = Math.floor(now / 1000);
  if (exp <= seconds) {
    return {
      ok: false,
      reason: `InvalidJWTToken: Token has expired ${seconds - Math.floor(exp)} seconds ago`,
    };
  }
  if (typeof nbf === 'number' && nbf > seconds) {
    return { ok: false, reason: 'InvalidJWTToken: The token is not valid yet' };
  }
  return { ok: true, identity: { role, claims, expiresAt: exp * 1000 } };
}

function known(role: 'anon' | 'service_role'): Identified {
  return { ok: true, identity: { role, claims: { role }, expiresAt: null } };
}

function parsePart(part: string | undefined): Record<string, unknown> | undefined {
  if (!part || !/^[A-Za-z0-9_-]+=*$/.test(part)) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function sameText(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length > 0 && left.length === right.length && timingSafeEqual(left, right);
}
