import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { documentVector } from '@cogo/spec/hash_embedding.ts';

/** One request the server got. */
export interface Seen {
  authorization: string | undefined;
  model: string;
  input: string[];
}

/** What the server does with one request: answers it, or breaks in some way. */
export type Turn = (request: Seen, response: ServerResponse) => void;

export interface ScriptedServer {
  /** Base for an embedder's `url`. */
  url: string;
  seen: Seen[];
  /** Takes these turns first, one a request, then answers well. */
  next(...turns: Turn[]): void;
  /** Every later request goes to this turn; `undefined` answers well again. */
  always(turn: Turn | undefined): void;
  close(): Promise<void>;
}

/** A vector that depends on the text and on the model's seed alone; no model quality is claimed for it. */
export function scriptedVector(text: string, dims: number, seed = ''): number[] {
  const wide = documentVector(`${seed} ${text}`);
  const shift = [...seed].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7);
  return Array.from(
    { length: dims },
    (_, at) => wide[(at * 7 + shift) % wide.length]! + ((at * shift) % 13) / 400,
  );
}

/** An OpenAI-compatible embeddings server on loopback that follows a script. */
export async function scriptedServer(options: { dims: number; seed?: string }): Promise<ScriptedServer> {
  const seen: Seen[] = [];
  const turns: Turn[] = [];
  let standing: Turn | undefined;
  const server = createServer((request, response) => {
    void read(request).then((body) => {
      const { model, input } = JSON.parse(body) as { model: string; input: string[] };
      const one = { authorization: request.headers.authorization, model, input };
      seen.push(one);
      (turns.shift() ?? standing ?? answer(options.dims, options.seed))(one, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    seen,
    next: (...more) => void turns.push(...more),
    always: (turn) => {
      standing = turn;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The good answer; `change` may spoil it, or put text in its place. */
export function answer(
  dims: number,
  seed?: string,
  change: (data: { index: number; embedding: unknown }[]) => unknown = (data) => data,
): Turn {
  return ({ input }, response) => {
    const data = input.map((text, index) => ({
      index,
      embedding: scriptedVector(text, dims, seed) as unknown,
    }));
    const changed = change(data);
    response.setHeader('content-type', 'application/json');
    response.end(typeof changed === 'string' ? changed : JSON.stringify({ object: 'list', data: changed }));
  };
}

export function status(code: number, headers: Record<string, string> = {}, body: unknown = {}): Turn {
  return (_request, response) => {
    response.writeHead(code, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
}

/** Never answers. */
export const hang: Turn = () => {};
/** Sends the beginning of an answer, then nothing. */
export const stall: Turn = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.write('{"data":[{"index":0,"embedding":[0.1');
};
/** Closes the connection in the middle. */
export const cut: Turn = (_request, response) => {
  response.destroy();
};

async function read(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}
