// Makes JSON Web Tokens for tests, wrong ones included.

export interface TestKey {
  kid: string;
  alg: 'ES256' | 'RS256';
  privateKey: CryptoKey;
  jwk: JsonWebKey & { kid: string };
}

export async function ecKey(kid: string): Promise<TestKey> {
  return await keyPair(kid, 'ES256', { name: 'ECDSA', namedCurve: 'P-256' });
}

export async function rsaKey(kid: string): Promise<TestKey> {
  const parameters = {
    name: 'RSASSA-PKCS1-v1_5',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
    hash: 'SHA-256',
  };
  return await keyPair(kid, 'RS256', parameters);
}

async function keyPair(
  kid: string,
  alg: TestKey['alg'],
  parameters: EcKeyGenParams | RsaHashedKeyGenParams,
): Promise<TestKey> {
  const pair = (await crypto.subtle.generateKey(parameters, true, ['sign', 'verify'])) as CryptoKeyPair;
  const jwk = await crypto.subtle.exportKey('jwk', pair.publicKey);
  return { kid, alg, privateKey: pair.privateKey, jwk: { ...jwk, kid, alg, use: 'sig' } };
}

export async function makeJwt(options: {
  claims: Record<string, unknown>;
  header?: Record<string, unknown>;
  secret?: string;
  key?: TestKey;
}): Promise<string> {
  const { key } = options;
  const header = {
    typ: 'JWT',
    alg: key?.alg ?? 'HS256',
    ...(key ? { kid: key.kid } : {}),
    ...options.header,
  };
  const signed = `${encode(JSON.stringify(header))}.${encode(JSON.stringify(options.claims))}`;
  const bytes = new TextEncoder().encode(signed);
  if (key) {
    const algorithm =
      key.alg === 'ES256' ? { name: 'ECDSA', hash: 'SHA-256' } : { name: 'RSASSA-PKCS1-v1_5' };
    return `${signed}.${base64Url(new Uint8Array(await crypto.subtle.sign(algorithm, key.privateKey, bytes)))}`;
  }
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const raw = new TextEncoder().encode(options.secret);
  const hmac = await crypto.subtle.importKey('raw', raw, algorithm, false, ['sign']);
  return `${signed}.${base64Url(new Uint8Array(await crypto.subtle.sign('HMAC', hmac, bytes)))}`;
}

function encode(text: string): string {
  return base64Url(new TextEncoder().encode(text));
}

function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}
