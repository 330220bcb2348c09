// Who is calling. A credential that is present and wrong is refused; it never falls back to a weaker one.
//
//   x-signature               agent with the shared HMAC secret -> service, unless a user or token comes with it
//   Authorization: Bearer     user JWT -> user; a key or a key's JWT -> as `apikey` (the older calling convention)
//   apikey                    secret key -> service, publishable key -> anon
//   x-cogo-token              project or worker token, asked of the database as the caller
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { checkSignature } from './agent_signature.ts';
import { askAuthServer } from './auth_server.ts';
import { apiKeys, kindOfKey, type ApiKeys } from './api_keys.ts';
import type { Deps } from './deps.ts';
import type { KeySet } from './jwks.ts';
import { looksLikeJwt, verifyJwt, type JwtProblem, type JwtVerdict } from './jwt.ts';
import { NOBODY, type Principal } from './principal.ts';

export interface AuthRequest {
  method: string;
  path: string;
  headers: Headers;
  body: Uint8Array;
  traceId: string;
}

export interface AuthDeps extends Pick<Deps, 'rpc' | 'now' | 'env' | 'fetch'> {
  keySet: KeySet | undefined;
}

/** What one credential proves: a role, and for a user the JWT that carries it. */
type Proof = { role: 'anon' | 'service' } | { role: 'user'; userId: string; accessToken: string };

export async function authenticate(request: AuthRequest, deps: AuthDeps): Promise<Result<Principal>> {
  const { headers } = request;
  const keys = apiKeys(deps.env);
  const apikey = headers.get('apikey')?.trim() || undefined;
  const authorization = headers.get('authorization')?.trim() || undefined;
  const token = headers.get('x-cogo-token')?.trim() || undefined;
  const signature = headers.get('x-signature')?.trim() || undefined;

  const proofs: Proof[] = [];
  if (signature !== undefined) {
    const call = { ...request, timestamp: headers.get('x-timestamp')?.trim() ?? '' };
    const signed = await checkSignature(deps.env('COGO_AGENT_HMAC_SECRET'), call, signature, deps.now());
    if (!signed.ok) return signed;
  }
  if (apikey !== undefined) {
    const proof = await proofOf(apikey, 'apikey', keys, deps);
    if (!proof.ok) return proof;
    proofs.push(proof.value);
  }
  if (authorization !== undefined) {
    const bearer = /^Bearer\s+(\S+)$/i.exec(authorization)?.[1];
    if (bearer === undefined) {
      return failure('unauthorized', 'Authorization must be `Bearer <token>`.');
    }
    const proof = await proofOf(bearer, 'Authorization', keys, deps);
    if (!proof.ok) return proof;
    proofs.push(proof.value);
  }
  return await decide({
    proofs,
    token,
    signed: signature !== undefined,
    keys,
    traceId: request.traceId,
    deps,
  });
}

interface Evidence {
  proofs: Proof[];
  token: string | undefined;
  signed: boolean;
  keys: ApiKeys;
  traceId: string;
  deps: AuthDeps;
}

async function decide(evidence: Evidence): Promise<Result<Principal>> {
  const { proofs, token, signed, keys } = evidence;
  const user = proofs.find((proof) => proof.role === 'user');
  const publishable = keys.publishable[0] ?? '';
  if (proofs.length === 0 && token === undefined && !signed) return ok(NOBODY);
  if (user === undefined && proofs.some((proof) => proof.role === 'service')) return ok(service(keys));
  if (token !== undefined) return await tokenPrincipal(token, evidence);
  if (user !== undefined) {
    const credentials = { apikey: publishable, accessToken: user.accessToken };
    return ok({ kind: 'user', id: `user:${user.userId}`, userId: user.userId, credentials });
  }
  if (signed) return ok(service(keys));
  return ok({ kind: 'anon', id: 'anon', credentials: { apikey: publishable } });
}

function service(keys: ApiKeys): Principal {
  return { kind: 'service', id: 'service', credentials: { apikey: keys.secret[0] ?? '' } };
}

async function tokenPrincipal(token: string, evidence: Evidence): Promise<Result<Principal>> {
  if (!/^cogo_(pt|wt)_[0-9A-Za-z]{16,64}$/.test(token)) {
    return failure('unauthorized', 'x-cogo-token is not a COGO token. Make one with create_token.');
  }
  const credentials = { apikey: evidence.keys.publishable[0] ?? '', cogoToken: token };
  const rpc = evidence.deps.rpc({ kind: 'anon', id: 'anon', credentials }, { traceId: evidence.traceId });
  const answer = await rpc.call<{
    kind: string;
    project_id: string | null;
    executor: string | null;
    principal?: string;
  }>('whoami');
  if (!answer.ok) return answer;
  const who = answer.value;
  if (who.kind !== 'token' && who.kind !== 'worker') {
    return failure(
      'unauthorized',
      'The token in x-cogo-token is unknown, revoked or expired. Make a new one.',
    );
  }
  const principal: Principal = {
    kind: who.kind,
    id: who.principal ?? `${who.kind}:${who.project_id}`,
    credentials,
  };
  if (who.project_id) principal.projectId = who.project_id;
  if (who.executor) principal.executor = who.executor;
  return ok(principal);
}

async function proofOf(
  presented: string,
  where: 'apikey' | 'Authorization',
  keys: ApiKeys,
  deps: AuthDeps,
): Promise<Result<Proof>> {
  const kind = await kindOfKey(keys, presented);
  if (kind !== undefined) return ok({ role: kind === 'secret' ? 'service' : 'anon' });
  if (/^cogo_(pt|wt)_/.test(presented)) {
    return failure('unauthorized', `A COGO token belongs in the header x-cogo-token, not in ${where}.`);
  }
  if (!looksLikeJwt(presented)) {
    return failure('unauthorized', `The key in ${where} is unknown or was revoked.`);
  }
  const verdict = await verdictOn(presented, keys, deps);
  if (!verdict.ok) return explain(verdict.problem, where);
  const { role, sub } = verdict.claims;
  if (role === 'anon') return ok({ role: 'anon' });
  if (role === 'service_role') return ok({ role: 'service' });
  if (where === 'Authorization' && role === 'authenticated' && typeof sub === 'string' && sub !== '') {
    return ok({ role: 'user', userId: sub, accessToken: presented });
  }
  return failure('unauthorized', `The token in ${where} is genuine but its role does not belong there.`);
}

async function verdictOn(token: string, keys: ApiKeys, deps: AuthDeps): Promise<JwtVerdict> {
  const { keySet } = deps;
  const verdict = await verifyJwt(token, {
    secret: deps.env('SUPABASE_JWT_SECRET'),
    keySet,
    now: deps.now(),
  });
  const url = deps.env('SUPABASE_URL');
  if (verdict.ok || verdict.problem !== 'algorithm_not_configured' || !url) return verdict;
  return await askAuthServer(token, { url, apikey: keys.publishable[0] ?? '', fetch: deps.fetch });
}

const EXPLANATION: Record<JwtProblem, string> = {
  malformed: 'is not a well-formed JWT.',
  algorithm_refused: 'uses a signature algorithm that is not accepted (HS256, ES256 and RS256 are).',
  algorithm_not_configured: 'uses a signature algorithm this project has no key for.',
  unknown_key: 'was signed with a key this project does not publish.',
  bad_signature: 'has a signature that does not match: it was not issued by this project or was altered.',
  expired: 'has expired. Sign in again or refresh the session.',
  not_yet_valid: 'is not valid yet. Check the clock of its issuer.',
  key_set_unavailable: 'can not be checked: the Auth server does not answer. Retry.',
};

function explain(problem: JwtProblem, where: string): Result<never> {
  const slug = problem === 'key_set_unavailable' ? 'unavailable' : 'unauthorized';
  return failure(slug, `The token in ${where} ${EXPLANATION[problem]}`, { details: { reason: problem } });
}
