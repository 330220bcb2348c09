// The part of a request before anything is written anywhere: its body, its caller, its input.
import type { z } from 'zod';
import { cogoError, type CogoError } from '@cogo/spec/errors.ts';
import type { Access, Operation } from '@cogo/spec/operation.ts';
import { err, ok, type Result } from '@cogo/spec/result.ts';
import { authenticate } from './authenticate.ts';
import { parseJsonBody, readBody } from './body.ts';
import type { Deps } from './deps.ts';
import type { KeySet } from './jwks.ts';
import { mayCall, NOBODY, type Principal } from './principal.ts';
import { queryObject, validate } from './validate.ts';

/** An operation as the plane needs it; the documentation fields are optional here. */
export type Route<
  B extends z.ZodType = z.ZodType,
  Q extends z.ZodType = z.ZodType,
  P extends z.ZodType = z.ZodType,
> = Omit<Operation<B, Q, P>, 'id' | 'summary' | 'response' | 'events' | 'errors'> &
  Partial<Pick<Operation<B, Q, P>, 'id' | 'summary' | 'response' | 'events' | 'errors'>>;

export interface Arrival {
  request: Request;
  /** `/<function>/…` without the query. */
  path: string;
  params: Record<string, string>;
  traceId: string;
}

export interface Prepared {
  principal: Principal;
  body: unknown;
  /** The JSON as sent, for the hash that tells requests apart. */
  rawBody: unknown;
  query: unknown;
  rawQuery: Record<string, string>;
  params: unknown;
  wantsStream: boolean;
}

/** The principal is known even when the rest is refused: the log line names its kind. */
export async function prepare(
  route: Route,
  arrival: Arrival,
  deps: Deps,
  keySet: KeySet | undefined,
): Promise<{ principal: Principal; result: Result<Prepared> }> {
  const { request } = arrival;
  const url = new URL(request.url);
  const bytes = await readBody(request, deps.limits.maxBodyBytes);
  if (!bytes.ok) return { principal: NOBODY, result: bytes };
  const who = await authenticate(
    {
      method: request.method,
      path: arrival.path + url.search,
      headers: request.headers,
      body: bytes.value,
      traceId: arrival.traceId,
    },
    { ...deps, keySet },
  );
  if (!who.ok) return { principal: NOBODY, result: who };
  const principal = who.value;
  const refusal = accessRefusal(principal, route.auth);
  if (refusal !== undefined) return { principal, result: err(refusal) };
  return { principal, result: readInput(route, arrival, url, bytes.value, principal) };
}

function readInput(
  route: Route,
  arrival: Arrival,
  url: URL,
  bytes: Uint8Array,
  principal: Principal,
): Result<Prepared> {
  const rawQuery = queryObject(url.searchParams);
  if (!rawQuery.ok) return rawQuery;
  const query = route.query ? validate(route.query, rawQuery.value, 'query') : rawQuery;
  if (!query.ok) return query;
  const params = route.params ? validate(route.params, arrival.params, 'params') : ok(arrival.params);
  if (!params.ok) return params;
  const read = { principal, rawQuery: rawQuery.value, query: query.value, params: params.value };
  const { headers } = arrival.request;
  if (!route.body) {
    return ok({
      ...read,
      body: undefined,
      rawBody: null,
      wantsStream: asksForStream(route, undefined, headers),
    });
  }
  const rawBody = parseJsonBody(bytes, headers.get('content-type'));
  if (!rawBody.ok) return rawBody;
  const body = validate(route.body, rawBody.value, 'body');
  if (!body.ok) return body;
  const wantsStream = asksForStream(route, body.value, headers);
  return ok({ ...read, body: body.value, rawBody: rawBody.value, wantsStream });
}

function accessRefusal(principal: Principal, access: Access): CogoError | undefined {
  if (mayCall(principal, access)) return undefined;
  if (principal.kind === 'none') {
    const how =
      'Send the publishable key as `apikey`, and a user JWT as `Authorization: Bearer` or a token as `x-cogo-token`.';
    return cogoError('unauthorized', `No credentials. ${how}`);
  }
  const needed = access === 'service' ? 'the secret key' : 'a signed-in user, a token or the secret key';
  return cogoError('forbidden', `This operation needs ${needed}.`);
}

/** The body's `stream` decides when it is there, else the Accept header. */
function asksForStream(route: Route, body: unknown, headers: Headers): boolean {
  if (!route.stream) return false;
  const field = (body as { stream?: unknown } | undefined)?.stream;
  if (typeof field === 'boolean') return field;
  return /\btext\/event-stream\b/i.test(headers.get('accept') ?? '');
}
