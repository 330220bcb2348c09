// Who may open a socket. A decision only; the gateway acts on it.
import type { IncomingMessage } from 'node:http';
import { type Credentials, identify, type Identity } from './identity.ts';
import type { Vsn } from './wire.ts';

export type Handshake =
  | { ok: true; vsn: Vsn; identity: Identity; headers: Record<string, string> }
  | { ok: false; status: number; reason: string };

const PATH = /^\/realtime\/v1\/websocket\/?$/;

/** Whether a request is for Realtime at all. */
export function isRealtimePath(url: string | undefined): boolean {
  return PATH.test(parseUrl(url)?.pathname ?? '');
}

/** `allowedOrigins`: loopback pages only (null), or also these; `*` for any. Programs send no origin. */
export function handshake(
  request: Pick<IncomingMessage, 'url' | 'headers'>,
  credentials: Credentials,
  allowedOrigins: readonly string[] | null,
  now: number,
): Handshake {
  const params = parseUrl(request.url)?.searchParams ?? new URLSearchParams();
  const { origin } = request.headers;
  if (origin !== undefined && !originAllowed(origin, allowedOrigins)) {
    return { ok: false, status: 403, reason: `Pages of ${origin.slice(0, 200)} may not connect` };
  }
  const vsn = params.get('vsn') ?? '1.0.0';
  if (vsn !== '1.0.0' && vsn !== '2.0.0') {
    return { ok: false, status: 400, reason: 'vsn is 1.0.0 or 2.0.0' };
  }
  const apikey =
    firstOf(request.headers['x-api-key']) ?? params.get('apikey') ?? firstOf(request.headers['apikey']);
  if (!apikey) return { ok: false, status: 401, reason: 'API key is missing' };
  const identified = identify(apikey, credentials, now);
  if (!identified.ok) return { ok: false, status: 401, reason: identified.reason };
  // A page would publish the key to whoever looks at it.
  if (origin !== undefined && apikey === credentials.secretKey) {
    return { ok: false, status: 401, reason: 'A secret key may not be used in a browser' };
  }
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    const text = firstOf(value);
    if (name.startsWith('x-') && name !== 'x-api-key' && text !== undefined) headers[name] = text;
  }
  return { ok: true, vsn, identity: identified.identity, headers };
}

function originAllowed(origin: string, allowed: readonly string[] | null): boolean {
  if (allowed?.includes('*') || allowed?.includes(origin)) return true;
  const host = URL.canParse(origin) ? new URL(origin).hostname : '';
  return host === 'localhost' || host.endsWith('.localhost') || host === '127.0.0.1' || host === '[::1]';
}

function parseUrl(url: string | undefined): URL | undefined {
  const full = `http://gateway${url ?? '/'}`;
  return URL.canParse(full) ? new URL(full) : undefined;
}

function firstOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
