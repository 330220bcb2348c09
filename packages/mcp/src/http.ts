// MCP over Streamable HTTP, on loopback. Each request is on its own: no session is kept, so a restart costs nobody anything.
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CallRpc } from '@cogo/knowledge/answer/span.ts';
import type { QuestionVector } from '@cogo/knowledge/embed/question_vectors.ts';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { mcpServer } from './server.ts';

export interface HttpOptions {
  /** 0: the system's choice. */
  port: number;
  /** The database as the holder of a project token. */
  rpcOf(token: string): CallRpc;
  /** Only tokens of this project are let in. uuid */
  projectId: string;
  questionVector?: QuestionVector | undefined;
  /** Origins of browsers that may call, besides those on loopback. */
  origins?: string[];
}

export interface HttpServer {
  url: string;
  close(): Promise<void>;
}

const MAX_BODY = 1_048_576;
/** How long a token that was good is believed. */
const TRUST_MS = 30_000;
const LOOPBACK = /^(?:localhost|127\.0\.0\.1|\[::1\])$/;

/** Serves `POST /mcp` on 127.0.0.1. A caller sends its project token as `Authorization: Bearer cogo_pt_…`. */
export async function serveHttp(options: HttpOptions): Promise<HttpServer> {
  const trusted = new Map<string, number>();
  const server = createServer((request, response) => {
    void handle(request, response).catch(() => {
      if (!response.headersSent)
        refuse(response, 500, 'internal', 'The request broke the server. Try again.');
      else response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A page of any site can reach loopback, by its name (DNS rebinding) or from a script: neither is let through.
    if (!isLoopbackHost(request.headers.host)) {
      return refuse(response, 403, 'forbidden', 'This server answers to 127.0.0.1 and localhost only.');
    }
    const { origin } = request.headers;
    if (origin !== undefined && !(isLoopbackOrigin(origin) || options.origins?.includes(origin))) {
      return refuse(response, 403, 'forbidden', `Pages of ${origin} may not call this server.`);
    }
    if (new URL(request.url ?? '/', 'http://x').pathname !== '/mcp') {
      return refuse(response, 404, 'not_found', 'MCP is at /mcp.');
    }
    if (request.method !== 'POST') {
      response.setHeader('allow', 'POST');
      return refuse(
        response,
        405,
        'method_not_allowed',
        'Send MCP messages with POST; this server keeps no sessions.',
      );
    }
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (token === undefined) return unauthorized(response);
    const rpc = options.rpcOf(token);
    if (!(await isWelcome(token, rpc))) return unauthorized(response);
    const body = await readBody(request);
    if (body === undefined) return refuse(response, 413, 'payload_too_large', 'At most 1 MB a request.');
    let message: unknown;
    try {
      message = JSON.parse(body);
    } catch {
      return refuse(response, 400, 'invalid_json', 'The body is not JSON.');
    }
    const mcp = mcpServer({ rpc, projectId: options.projectId, questionVector: options.questionVector });
    const transport = new StreamableHTTPServerTransport({});
    response.on('close', () => void Promise.all([transport.close(), mcp.close()]).catch(() => {}));
    await mcp.connect(transport as Parameters<typeof mcp.connect>[0]);
    await transport.handleRequest(request, response, message);
  }

  /** Whether the token is one of the project. Kept as a hash, for a short while. */
  async function isWelcome(token: string, rpc: CallRpc): Promise<boolean> {
    const key = createHash('sha256').update(token).digest('hex');
    if ((trusted.get(key) ?? 0) > Date.now()) return true;
    trusted.delete(key);
    const who = await rpc.call<{ kind: string; project_id: string | null }>('whoami');
    if (!who.ok || who.value.kind !== 'token' || who.value.project_id !== options.projectId) return false;
    if (trusted.size > 1000) trusted.clear();
    trusted.set(key, Date.now() + TRUST_MS);
    return true;
  }
}

function isLoopbackHost(host: string | undefined): boolean {
  return host !== undefined && LOOPBACK.test(host.replace(/:\d+$/, ''));
}

function isLoopbackOrigin(origin: string): boolean {
  return URL.canParse(origin) && LOOPBACK.test(new URL(origin).hostname);
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    size += (part as Buffer).length;
    if (size > MAX_BODY) return undefined;
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts).toString('utf8');
}

function unauthorized(response: ServerResponse): void {
  response.setHeader('www-authenticate', 'Bearer');
  refuse(
    response,
    401,
    'unauthorized',
    "Send a token of the project: 'Authorization: Bearer cogo_pt_…' (`cogo keys token`).",
  );
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ ok: false, error: code, code, message }));
}
