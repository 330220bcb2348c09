// The short way for what nearly every request of COGO does: POST /rest/v1/rpc/<function of cogo_api>. The gateway library spends
// about 2 ms of JavaScript on such a call and the database 0.3 ms. What is not plainly that (other schemas, unknown functions,
// wrong arguments, tokens that do not verify) goes to the library, so its answers and its errors stay the only ones there are.
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Keys } from '@cogo/client/stack_file.ts';
import type { GatewayConnection } from './open_connection.ts';
import { isConnectionLoss } from '../database/guarded_begin.ts';
import { databaseAway, isDatabaseError, statusOfState } from './postgrest_status.ts';

type Fetch = (request: Request) => Promise<Response>;

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

/** Answers calls of `cogo_api` functions itself and hands everything else to `library`. */
export class RpcPath {
  readonly #connection: Pick<GatewayConnection, 'db' | 'schemaVersion'>;
  readonly #keys: Pick<Keys, 'publishable_key' | 'secret_key' | 'jwt_secret'>;
  readonly #library: Fetch;
  #functions: Promise<Map<string, ApiFunction>> | undefined;
  #version = -1;

  constructor(
    connection: Pick<GatewayConnection, 'db' | 'schemaVersion'>,
    keys: Pick<Keys, 'publishable_key' | 'secret_key' | 'jwt_secret'>,
    library: Fetch,
  ) {
    this.#connection = connection;
    this.#keys = keys;
    this.#library = library;
  }

  readonly fetch: Fetch = async (request) => {
    const name = this.#nameOf(request);
    const caller = name === undefined ? undefined : this.#callerOf(request.headers);
    if (name === undefined || caller === undefined) return this.#library(request);
    const known = (await this.#catalog()).get(name);
    if (known === undefined) return this.#library(request);
    const text = await request.text();
    const args = argumentsOf(text, known);
    if (args === undefined) {
      return this.#library(
        new Request(request.url, { method: 'POST', headers: request.headers, body: text }),
      );
    }
    return await this.#call(name, known, args, caller, request);
  };

  #nameOf(request: Request): string | undefined {
    if (request.method !== 'POST') return undefined;
    const { pathname, search } = new URL(request.url);
    const { headers } = request;
    const plain =
      search === '' &&
      headers.get('content-profile') === SCHEMA &&
      /^application\/json\b/.test(headers.get('content-type') ?? '') &&
      /^(?:\*\/\*|application\/json)?$/.test(headers.get('accept') ?? '') &&
      (headers.get('prefer') ?? '') === '' &&
      Number(headers.get('content-length') ?? Number.NaN) <= MAX_BODY;
    return plain ? PATH.exec(pathname)?.[1] : undefined;
  }

  /** The caller, where the credentials are complete and good; all doubt is the library's. */
  #callerOf(headers: Headers): Caller | undefined {
    const apikey = headers.get('apikey') ?? '';
    const role = same(apikey, this.#keys.secret_key)
      ? 'service_role'
      : same(apikey, this.#keys.publishable_key)
        ? 'anon'
        : undefined;
    if (role === undefined) return undefined;
    const authorization = headers.get('authorization');
    if (authorization === null || same(authorization, `Bearer ${apikey}`)) return { role, claims: { role } };
    const claims = verifiedClaims(authorization.replace(/^Bearer /, ''), this.#keys.jwt_secret);
    return claims?.['role'] === 'authenticated' ? { role: 'authenticated', claims } : undefined;
  }

  async #call(
    name: string,
    known: ApiFunction,
    args: string[],
    caller: Caller,
    request: Request,
  ): Promise<Response> {
    const { body, columns } = callOf(known, args);
    const sub = caller.claims['sub'];
    const settings = [
      JSON.stringify(caller.claims),
      typeof sub === 'string' ? sub : '',
      caller.role,
      `/rest/v1/rpc/${name}`,
      JSON.stringify(Object.fromEntries(request.headers)),
    ];
    const sql = `select ${SCHEMA}.${name}(${body})::text as body from jsonb_to_record($1::text::jsonb) as r(${columns})`;
    try {
      const rows = await this.#connection.db.together<{ body: string | null }>([
        { text: SETTINGS, params: settings },
        { text: sql, params: [args[0] ?? null] },
      ]);
      return new Response(rows[0]?.body ?? 'null', {
        headers: { 'content-type': 'application/json; charset=utf-8', 'content-range': '0-0/*' },
      });
    } catch (error) {
      if (isConnectionLoss(error)) return databaseAway();
      if (!isDatabaseError(error)) throw error;
      const { code, message, detail, hint } = error;
      const status = code === '42501' ? (caller.role === 'anon' ? 401 : 403) : statusOfState(code);
      return Response.json(
        { code, details: detail || null, hint: hint || null, message },
        { status, headers: { 'content-type': 'application/json; charset=utf-8' } },
      );
    }
  }

  async #catalog(): Promise<Map<string, ApiFunction>> {
    const version = this.#connection.schemaVersion();
    if (version !== this.#version) this.#functions = undefined;
    this.#version = version;
    this.#functions ??= this.#connection.db
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
