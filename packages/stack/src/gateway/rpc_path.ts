// The short way for what nearly every request of COGO does: POST /rest/v1/rpc/<function of cogo_api>. The gateway library spends
// about 2 ms of JavaScript on such a call and the database 0.3 ms. What is not plainly that (other schemas, unknown functions,
// wrong arguments, tokens that do not verify) goes to the library, so its answers and its errors stay the only ones there are.
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { cogoError } from '@cogo/spec/errors.ts';
import type { Keys } from '@cogo/client/stack_file.ts';
import { writeFailure } from './failure_answer.ts';
import type { GatewayConnection } from './open_connection.ts';
import { isDatabaseError, statusOfState } from './postgrest_status.ts';

type Fetch = (request: Request) => Promise<Response>;
type Listener = (request: IncomingMessage, response: ServerResponse) => unknown;

interface ApiFunction {
  /** Argument name to SQL type. */
  args: Map<string, string>;
  required: string[];
}

interface Caller {
  role: 'anon' | 'authenticated' | 'service_role';
  claims: Record<string, unknown>;
}

const SCHEMA = 'cogo_api';
const PATH = /^\/rest\/v1\/rpc\/([a-z_][a-z0-9_]{0,62})$/;
const MAX_BODY = 8 * 1024 * 1024;

const SETTINGS = `
select set_config('request.jwt.claims', $1, true), set_config('request.jwt.claim.sub', $2, true),
       set_config('request.jwt.claim.role', $3, true), set_config('request.method', 'POST', true),
       set_config('request.path', $4, true), set_config('request.headers', $5, true), set_config('role', $3, true)`;

// Only what has one meaning: no overloads, no sets, jsonb out.
const CATALOG = `
select p.proname as name, p.pronargs - p.pronargdefaults as required, p.proargnames as names,
       array(select format_type(t, null) from unnest(p.proargtypes) with ordinality as a(t, n) order by n) as types
  from pg_catalog.pg_proc p
 where p.pronamespace = '${SCHEMA}'::regnamespace and p.prokind = 'f' and not p.proretset and p.prorettype = 'jsonb'::regtype
   and p.provariadic = 0 and p.proargmodes is null
   and 1 = (select count(*) from pg_catalog.pg_proc o where o.pronamespace = p.pronamespace and o.proname = p.proname)`;

export interface RpcPathOptions {
  connection: Pick<GatewayConnection, 'db' | 'asCaller' | 'schemaVersion'>;
  keys: Pick<Keys, 'publishable_key' | 'secret_key' | 'jwt_secret'>;
  /** The gateway library, for a request whose body was read already. */
  library: Fetch;
  /** The same for a request as it came. */
  listener: Listener;
}

/**
 * Answers calls of `cogo_api` functions itself and hands everything else to the library. It reads and writes Node's own messages:
 * making a Request and a Response of them costs as much as a small call.
 */
export class RpcPath {
  readonly #o: RpcPathOptions;
  #functions: Promise<Map<string, ApiFunction>> | undefined;
  #version = -1;

  constructor(options: RpcPathOptions) {
    this.#o = options;
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    const name = nameOf(request);
    const caller = name === undefined ? undefined : this.#callerOf(request);
    if (name === undefined || caller === undefined) {
      this.#o.listener(request, response);
      return;
    }
    this.#answer(name, caller, request, response).catch((error: Error) => {
      writeFailure(request, response, cogoError('internal', `The gateway failed: ${error.message}`));
    });
  };

  async #answer(
    name: string,
    caller: Caller,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const known = (await this.#catalog()).get(name);
    if (known === undefined) {
      this.#o.listener(request, response);
      return;
    }
    const text = await bodyOf(request);
    // The caller left while sending: there is nobody to answer, and half a body to act on.
    if (text === undefined) return;
    const args = argumentsOf(text, known);
    if (args === undefined) return await this.#askLibrary(request, response, text);
    const { status, body, headers } = await this.#call(name, known, args, caller, request);
    response.writeHead(status, {
      ...headers,
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(body),
    });
    response.end(body);
  }

  async #askLibrary(request: IncomingMessage, response: ServerResponse, body: string): Promise<void> {
    const url = `http://${request.headers.host ?? 'localhost'}${request.url ?? '/'}`;
    const answer = await this.#o.library(
      new Request(url, { method: 'POST', headers: plainHeaders(request), body }),
    );
    const bytes = Buffer.from(await answer.arrayBuffer());
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(bytes);
  }

  /** The caller, where the credentials are complete and good; all doubt is the library's. */
  #callerOf({ headers }: IncomingMessage): Caller | undefined {
    const { keys } = this.#o;
    const apikey = oneOf(headers['apikey']);
    const role = same(apikey, keys.secret_key)
      ? 'service_role'
      : same(apikey, keys.publishable_key)
        ? 'anon'
        : undefined;
    if (role === undefined) return undefined;
    const { authorization } = headers;
    if (authorization === undefined || same(authorization, `Bearer ${apikey}`))
      return { role, claims: { role } };
    const claims = verifiedClaims(authorization.replace(/^Bearer /, ''), keys.jwt_secret);
    return claims?.['role'] === 'authenticated' ? { role: 'authenticated', claims } : undefined;
  }

  async #call(
    name: string,
    known: ApiFunction,
    args: string[],
    caller: Caller,
    request: IncomingMessage,
  ): Promise<{ status: number; body: string; headers: Record<string, string> }> {
    const { body, columns } = callOf(known, args);
    const sub = caller.claims['sub'];
    const settings = [
      JSON.stringify(caller.claims),
      typeof sub === 'string' ? sub : '',
      caller.role,
      `/rest/v1/rpc/${name}`,
      JSON.stringify(plainHeaders(request)),
    ];
    const text = `select ${SCHEMA}.${name}(${body})::text as body from jsonb_to_record($1::text::jsonb) as r(${columns})`;
    try {
      const answer = await this.#o.connection.asCaller(
        { text: SETTINGS, params: settings },
        { text, params: [args[0]!] },
      );
      return { status: 200, body: answer ?? 'null', headers: { 'content-range': '0-0/*' } };
    } catch (error) {
      if (!isDatabaseError(error)) throw error;
      const { code, message, detail, hint } = error;
      const status = code === '42501' ? (caller.role === 'anon' ? 401 : 403) : statusOfState(code);
      const failure = { code, details: detail || null, hint: hint || null, message };
      return { status, body: JSON.stringify(failure), headers: {} };
    }
  }

  async #catalog(): Promise<Map<string, ApiFunction>> {
    const version = this.#o.connection.schemaVersion();
    if (version !== this.#version) this.#functions = undefined;
    this.#version = version;
    this.#functions ??= this.#o.connection.db
      .query<{ name: string; required: number; names: string[] | null; types: string[] }>(CATALOG)
      .then((rows) => {
        const made = new Map<string, ApiFunction>();
        for (const { name, required, names, types } of rows) {
          const args = new Map((names ?? []).map((arg, i) => [arg, types[i] ?? 'text']));
          made.set(name, { args, required: [...args.keys()].slice(0, required) });
        }
        return made;
      });
    try {
      return await this.#functions;
    } catch (error) {
      this.#functions = undefined;
      throw error;
    }
  }
}

/** The function a plain call names; undefined for every other request. */
function nameOf({ method, url, headers }: IncomingMessage): string | undefined {
  const plain =
    method === 'POST' &&
    headers['content-profile'] === SCHEMA &&
    /^application\/json\b/.test(headers['content-type'] ?? '') &&
    /^(?:\*\/\*|application\/json)?$/.test(headers.accept ?? '') &&
    oneOf(headers['prefer']) === '' &&
    headers['content-encoding'] === undefined &&
    headers.expect === undefined &&
    Number(headers['content-length'] ?? Number.NaN) <= MAX_BODY;
  return plain ? PATH.exec(url ?? '')?.[1] : undefined;
}

function oneOf(header: string | string[] | undefined): string {
  return typeof header === 'string' ? header : (header?.join(', ') ?? '');
}

function plainHeaders({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, oneOf(value)]));
}

/** The whole body as text; undefined when the caller broke off. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  try {
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
  } catch {
    return undefined;
  }
  return request.complete ? Buffer.concat(parts).toString('utf8') : undefined;
}

/** `[json text, name…]` of a body that fits the function; undefined where the library has to say what is wrong. */
function argumentsOf(text: string, known: ApiFunction): string[] | undefined {
  let given: unknown;
  try {
    given = JSON.parse(text === '' ? '{}' : text);
  } catch {
    return undefined;
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return undefined;
  const names = Object.keys(given).sort();
  const fits =
    names.every((name) => known.args.has(name)) && known.required.every((name) => names.includes(name));
  return fits ? [text === '' ? '{}' : text, ...names] : undefined;
}

/** Arguments by name out of one JSON parameter, as PostgREST does it: Postgres converts each to its type. */
function callOf(known: ApiFunction, [, ...names]: string[]): { body: string; columns: string } {
  if (names.length === 0) return { body: '', columns: '"no argument" text' };
  return {
    body: names.map((name) => `${quoted(name)} => r.${quoted(name)}`).join(', '),
    columns: names.map((name) => `${quoted(name)} ${known.args.get(name)}`).join(', '),
  };
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && left.length > 0 && timingSafeEqual(left, right);
}

/** The claims of a JWT signed with HS256 and not expired (RFC 7519); undefined for every other. */
function verifiedClaims(token: string, secret: string): Record<string, unknown> | undefined {
  const [header, payload, signature, more] = token.split('.');
  if (!header || !payload || !signature || more !== undefined) return undefined;
  try {
    if ((JSON.parse(Buffer.from(header, 'base64url').toString()) as { alg?: unknown }).alg !== 'HS256')
      return undefined;
    if (!same(signature, createHmac('sha256', secret).update(`${header}.${payload}`).digest('base64url')))
      return undefined;
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
    const now = Date.now() / 1000;
    const { exp, nbf } = claims;
    if (typeof exp !== 'number' || exp <= now || (typeof nbf === 'number' && nbf > now)) return undefined;
    return claims;
  } catch {
    return undefined;
  }
}
