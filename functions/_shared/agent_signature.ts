// HMAC-signed calls of agents, an option for servers that must not hold a database key.
//
//   x-timestamp: 1760000000                 seconds since the epoch, at most 5 minutes off
//   x-signature: hex(HMAC-SHA-256(secret, METHOD \n PATH?QUERY \n TIMESTAMP \n hex(SHA-256(body))))
//
// PATH begins with the function's name (`/chat/…`), whatever prefix the gateway adds. A repeated call is the same call:
// use Idempotency-Key where that matters.
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { equalSecrets, hmacSha256Hex, sha256Hex } from '@cogo/spec/sha256.ts';

const WINDOW_S = 300;

export interface SignedCall {
  method: string;
  /** With the query string. */
  path: string;
  timestamp: string;
  body: Uint8Array;
}

export async function signCall(secret: string, call: SignedCall): Promise<string> {
  const text = `${call.method.toUpperCase()}\n${call.path}\n${call.timestamp}\n${await sha256Hex(call.body)}`;
  return await hmacSha256Hex(secret, text);
}

export async function checkSignature(
  secret: string | undefined,
  call: SignedCall,
  signature: string,
  nowMs: number,
): Promise<Result<null>> {
  if (!secret)
    return failure(
      'unauthorized',
      'Signed calls are not enabled here. Set COGO_AGENT_HMAC_SECRET or use a key.',
    );
  if (!/^\d{10}$/.test(call.timestamp)) {
    return failure('unauthorized', 'x-timestamp must be seconds since the epoch.');
  }
  if (Math.abs(nowMs / 1000 - Number(call.timestamp)) > WINDOW_S) {
    return failure('unauthorized', 'x-timestamp is more than 5 minutes off. Check the clock and sign again.');
  }
  const presented = signature.replace(/^(sha256|v1)=/, '').toLowerCase();
  if (!(await equalSecrets(await signCall(secret, call), presented))) {
    return failure('unauthorized', 'x-signature does not match the method, path, timestamp and body.');
  }
  return ok(null);
}
