import { createHash, timingSafeEqual } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { extname, join, normalize, sep } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import type { Fetch } from './app.ts';

const require = createRequire(import.meta.url);
const ASSETS = join(require.resolve('@supabase/lite/dist/manifest.json'), '..', '..');
const USER = 'cogo';
const TYPES: Record<string, string> = {
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.woff2': 'font/woff2',
  '.ico': 'image/x-icon',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/**
 * Studio on a listener of its own, behind basic auth: there a request without credentials is service_role, so neither the gateway's
 * port nor an unauthenticated visitor may reach it.
 */
export function createStudioServer(studio: Fetch, password: string): Server {
  const wanted = digest(`${USER}:${password}`);
  const listener = getRequestListener(studio, { overrideGlobalObjects: false });
  return createServer((request, response) => {
    if (!isLoopbackHost(request.headers.host))
      return refuse(response, 403, 'Studio answers to 127.0.0.1 and localhost only.');
    if (!timingSafeEqual(digest(credentials(request)), wanted)) {
      response.setHeader('www-authenticate', 'Basic realm="COGO Studio", charset="UTF-8"');
      return refuse(response, 401, 'Sign in as cogo with studio_password of keys.json in the data folder.');
    }
    // A page of another site may send the browser's stored password along; it has no business here.
    if (isForeign(request)) return refuse(response, 403, 'Studio is not for other origins.');
    removeHeader(request, 'authorization');
    const path = (request.url ?? '/').split('?')[0]!;
    if (path.startsWith('/static/')) return sendAsset(path.slice('/static/'.length), response);
    void listener(request, response);
  });
}

function credentials(request: IncomingMessage): string {
  const match = /^Basic ([A-Za-z0-9+/=]+)$/.exec(request.headers.authorization ?? '');
  return match ? Buffer.from(match[1]!, 'base64').toString('utf8') : '';
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function isLoopbackHost(host: string | undefined): boolean {
  return /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/.test(host ?? '');
}

function isForeign(request: IncomingMessage): boolean {
  const { origin, host } = request.headers;
  const site = request.headers['sec-fetch-site'];
  return (origin !== undefined && origin !== `http://${host}`) || site === 'cross-site';
}

function removeHeader(request: IncomingMessage, name: string): void {
  delete request.headers[name];
  const raw: string[] = [];
  for (let at = 0; at < request.rawHeaders.length; at += 2) {
    if (request.rawHeaders[at]!.toLowerCase() !== name)
      raw.push(request.rawHeaders[at]!, request.rawHeaders[at + 1]!);
  }
  request.rawHeaders = raw;
}

function sendAsset(path: string, response: ServerResponse): void {
  const file = normalize(join(ASSETS, decodeURIComponent(path)));
  if (!file.startsWith(ASSETS + sep)) {
    refuse(response, 404, 'Not found');
    return;
  }
  const stream = createReadStream(file);
  stream.once('error', () => {
    refuse(response, 404, 'Not found');
  });
  stream.once('open', () => {
    response.writeHead(200, {
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      'cache-control': 'public, max-age=31536000, immutable',
    });
    stream.pipe(response);
  });
}

function refuse(response: ServerResponse, status: number, message: string): void {
  if (!response.headersSent) response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(message);
}
