// One request from its arrival to its record, in the fixed order:
//   body limit -> authenticate -> validate -> rate limit + idempotency + trace -> handler -> error map -> bus, log
// (CORS and the trace id come before it, in plane.ts.)
import type { z } from 'zod';
import { cogoError, type CogoError } from '@cogo/spec/errors.ts';
import { successEnvelope } from '@cogo/spec/envelope.ts';
import type { Operation } from '@cogo/spec/operation.ts';
import type { Result } from '@cogo/spec/result.ts';
import { framesAfter } from '@cogo/spec/sse.ts';
import { authenticate } from './authenticate.ts';
import {
  begin,
  checkIdempotencyKey,
  IDEMPOTENCY_TTL_S,
  requestHash,
  type BeginRequest,
  type StoredResponse,
} from './begin.ts';
import { parseJsonBody, readBody } from './body.ts';
import { Bus, bounded } from './bus.ts';
import { Context, type Handler, type Reply, type StreamReply } from './context.ts';
import type { Deps } from './deps.ts';
import type { KeySet } from './jwks.ts';
import { mayCall, NOBODY, type Principal } from './principal.ts';
import { ProjectAccess, projectIdOf, sessionIdOf } from './project_access.ts';
import { bucketOf, DEFAULT_RATE, MemoryBuckets, rateHeaders } from './rate.ts';
import { redact } from './redact.ts';
import { failureResponse, JSON_TYPE, jsonResponse } from './respond.ts';
import { replayBody, STREAM_HEADERS, streamBody } from './stream.ts';
import { queryObject, validate } from './validate.ts';

/** An operation as the plane needs it; the documentation fields are optional here. */
export type Route<B extends z.ZodType, Q extends z.ZodType, P extends z.ZodType> = Omit<
  Operation<B, Q, P>,
  'id' | 'summary' | 'response' | 'events' | 'errors'
> &
  Partial<Pick<Operation<B, Q, P>, 'id' | 'summary' | 'response' | 'events' | 'errors'>>;

export interface Shared {
  name: string;
  deps: Deps;
  keySet: KeySet | undefined;
  buckets: MemoryBuckets;
  access: ProjectAccess;
  /** Work that outlives its response. */
  later: (work: Promise<unknown>) => void;
}

export interface Arrival {
  request: Request;
  /** `/<function>/…` without the query. */
  path: string;
  params: Record<string, string>;
  traceId: string;
}

interface Prepared {
  principal: Principal;
  body: unknown;
  rawBody: unknown;
  query: unknown;
  rawQuery: Record<string, string>;
  params: unknown;
  wantsStream: boolean;
}

export async function runRoute<B extends z.ZodType, Q extends z.ZodType, P extends z.ZodType>(
  route: Route<B, Q, P>,
  handler: Handler<B, Q, P>,
  arrival: Arrival,
  shared: Shared,
): Promise<Response> {
  const run = new Run(route, handler as Handler<z.ZodType, z.ZodType, z.ZodType>, arrival, shared);
  return await run.respond();
}

class Run {
  private readonly route: Route<z.ZodType, z.ZodType, z.ZodType>;
  private readonly handler: Handler<z.ZodType, z.ZodType, z.ZodType>;
  private readonly arrival: Arrival;
  private readonly shared: Shared;
  private readonly deps: Deps;
  private readonly startedAt: number;
  private readonly abort = new AbortController();
  private readonly headers: Record<string, string> = {};
  private traceId: string;
  private principal: Principal = NOBODY;
  private bus: Bus | undefined;
  private lock: { key: string; lock_token: string } | undefined;
  private over = false;

  constructor(
    route: Route<z.ZodType, z.ZodType, z.ZodType>,
    handler: Handler<z.ZodType, z.ZodType, z.ZodType>,
    arrival: Arrival,
    shared: Shared,
  ) {
    this.route = route;
    this.handler = handler;
    this.arrival = arrival;
    this.shared = shared;
    this.deps = shared.deps;
    this.traceId = arrival.traceId;
    this.startedAt = shared.deps.now();
  }

  async respond(): Promise<Response> {
    this.watchClient();
    try {
      const prepared = await this.prepare();
      if (!prepared.ok) return this.refuse(prepared.error);
      return await this.execute(prepared.value);
    } catch (thrown) {
      return this.refuse(this.explain(thrown));
    }
  }

  // Body, caller and input. Nothing is written anywhere before all three are good.
  private async prepare(): Promise<Result<Prepared>> {
    const { request, path } = this.arrival;
    const bytes = await readBody(request, this.deps.limits.maxBodyBytes);
    if (!bytes.ok) return bytes;
    const url = new URL(request.url);
    const who = await authenticate(
      {
        method: request.method,
        path: path + url.search,
        headers: request.headers,
        body: bytes.value,
        traceId: this.traceId,
      },
      { ...this.deps, keySet: this.shared.keySet },
    );
    if (!who.ok) return who;
    this.principal = who.value;
    const refusal = this.accessRefusal();
    if (refusal !== undefined) return { ok: false, error: refusal };

    const rawQuery = queryObject(url.searchParams);
    if (!rawQuery.ok) return rawQuery;
    const query = this.route.query ? validate(this.route.query, rawQuery.value, 'query') : rawQuery;
    if (!query.ok) return query;
    const params = this.route.params
      ? validate(this.route.params, this.arrival.params, 'params')
      : { ok: true as const, value: this.arrival.params };
    if (!params.ok) return params;
    const body = this.parseBody(bytes.value);
    if (!body.ok) return body;
    return {
      ok: true,
      value: {
        principal: who.value,
        body: body.value.body,
        rawBody: body.value.rawBody,
        query: query.value,
        rawQuery: rawQuery.value,
        params: params.value,
        wantsStream: this.asksForStream(body.value.body),
      },
    };
  }

  private accessRefusal(): CogoError | undefined {
    if (mayCall(this.principal, this.route.auth)) return undefined;
    if (this.principal.kind === 'none') {
      return cogoError(
        'unauthorized',
        'No credentials. Send the publishable key as `apikey`, and a user JWT as `Authorization: Bearer` or a token as `x-cogo-token`.',
      );
    }
    const needed =
      this.route.auth === 'service' ? 'the secret key' : 'a signed-in user, a token or the secret key';
    return cogoError('forbidden', `This operation needs ${needed}.`);
  }

  private parseBody(bytes: Uint8Array): Result<{ body: unknown; rawBody: unknown }> {
    if (!this.route.body) return { ok: true, value: { body: undefined, rawBody: null } };
    const raw = parseJsonBody(bytes, this.arrival.request.headers.get('content-type'));
    if (!raw.ok) return raw;
    const body = validate(this.route.body, raw.value, 'body');
    return body.ok ? { ok: true, value: { body: body.value, rawBody: raw.value } } : body;
  }

  private asksForStream(body: unknown): boolean {
    if (!this.route.stream) return false;
    const field = (body as { stream?: unknown } | undefined)?.stream;
    if (typeof field === 'boolean') return field;
    return /\btext\/event-stream\b/i.test(this.arrival.request.headers.get('accept') ?? '');
  }

  private async execute(prepared: Prepared): Promise<Response> {
    const { deps, shared, route } = this;
    const db = deps.rpc(prepared.principal, { traceId: this.traceId });
    const projectId = projectIdOf(prepared.body, prepared.query);
    const hidden = projectId ? await shared.access.check(prepared.principal, projectId, db) : undefined;
    const limited = await bucketOf(
      shared.name,
      prepared.principal,
      this.arrival.request.headers,
      route.rate ?? DEFAULT_RATE,
      deps.env,
    );
    // Reads leave no trace row: a poll of a trace must not begin that trace anew. A stream's row must exist before
    // its first frame, whatever the method.
    const traced = route.method !== 'GET' || prepared.wantsStream;
    if (!traced && limited) {
      const rate = shared.buckets.take(limited, deps.now());
      Object.assign(this.headers, rateHeaders(rate));
      if (!rate.allowed) {
        return this.refuse(
          cogoError('rate_limited', `Too many requests. Retry after ${rate.retry_after_s} s.`),
        );
      }
    }
    if (traced) {
      const ask = await this.question(prepared, hidden ? undefined : projectId, limited);
      if (!ask.ok) return this.refuse(ask.error);
      const begun = await begin(ask.value, deps, this.abort.signal);
      if (begun.rate) Object.assign(this.headers, rateHeaders(begun.rate));
      if (!begun.result.ok) return this.refuse(begun.result.error);
      this.traceId = begun.result.value.traceId;
      if (begun.result.value.replay) return this.replay(begun.result.value.replay);
      const lockToken = begun.result.value.lockToken;
      if (lockToken && ask.value.idempotency)
        this.lock = { key: ask.value.idempotency.key, lock_token: lockToken };
      this.bus = new Bus(deps, {
        trace_id: this.traceId,
        source: shared.name,
        ...(projectId && !hidden ? { project_id: projectId } : {}),
      });
    }
    if (hidden) return this.finish({ kind: 'failure', error: hidden, via: 'postgres', headers: {} });
    return await this.handle(prepared);
  }

  private async question(
    prepared: Prepared,
    projectId: string | undefined,
    limited: BeginRequest['rate'],
  ): Promise<Result<BeginRequest>> {
    const ask: BeginRequest = {
      trace_id: this.traceId,
      function: this.shared.name,
      principal: this.principal.id,
      route: `${this.route.method} ${this.route.path}`,
    };
    if (projectId) ask.project_id = projectId;
    const sessionId = sessionIdOf(prepared.body);
    if (sessionId) ask.session_id = sessionId;
    if (limited) ask.rate = limited;
    const presented = this.arrival.request.headers.get('idempotency-key');
    if (presented !== null && this.route.idempotent) {
      const key = checkIdempotencyKey(presented);
      if (!key.ok) return key;
      const hash = await requestHash({
        function: this.shared.name,
        method: this.route.method,
        path: this.arrival.path,
        query: { ...prepared.rawQuery },
        stream: prepared.wantsStream,
        body: prepared.rawBody,
      });
      ask.idempotency = { key: key.value, request_hash: hash, ttl_s: IDEMPOTENCY_TTL_S };
    }
    return { ok: true, value: ask };
  }

  private async handle(prepared: Prepared): Promise<Response> {
    const { deps } = this;
    const limitMs = deps.limits.requestTimeoutMs;
    const late = cogoError('timeout', `The operation took longer than ${limitMs} ms and was stopped.`);
    const timer = setTimeout(() => this.stop(late), limitMs);
    const context = new Context({
      body: prepared.body,
      query: prepared.query,
      params: prepared.params,
      principal: this.principal,
      traceId: this.traceId,
      request: this.arrival.request,
      db: deps.rpc(this.principal, { traceId: this.traceId }),
      service: deps.serviceRpc,
      deps,
      signal: this.abort.signal,
      wantsStream: prepared.wantsStream,
      emit: (type, payload) => this.bus?.emit(type, payload),
    });
    const reply = await this.settle(context);
    if (!(reply instanceof Response) && reply.kind === 'stream') return this.stream(reply, context, timer);
    clearTimeout(timer);
    return await this.finish(reply, context);
  }

  // A handler that hangs or ignores the signal is answered for; what it does later goes nowhere.
  private async settle(context: Context): Promise<Reply> {
    const { signal } = this.abort;
    const abandoned = new Promise<Reply>((resolve) => {
      const leave = () =>
        resolve({ kind: 'failure', error: signal.reason as CogoError, via: 'edge', headers: {} });
      if (signal.aborted) leave();
      else signal.addEventListener('abort', leave);
    });
    try {
      return await Promise.race([Promise.resolve(this.handler(context)), abandoned]);
    } catch (thrown) {
      return { kind: 'failure', error: this.explain(thrown), via: 'edge', headers: {} };
    }
  }

  private stream(reply: StreamReply, context: Context, timer: ReturnType<typeof setTimeout>): Response {
    const body = streamBody({
      reply,
      traceId: this.traceId,
      deps: this.deps,
      signal: this.abort.signal,
      abort: (reason) => this.stop(reason),
      explain: (thrown) => this.explain(thrown),
      onEnd: (outcome) => {
        clearTimeout(timer);
        const { error, recorded } = outcome;
        const stored =
          error === undefined && recorded !== undefined
            ? {
                status: 200,
                headers: this.storedHeaders(),
                content_type: STREAM_HEADERS['content-type']!,
                body: recorded,
              }
            : undefined;
        const output = context.output ?? outcome.output;
        this.record({ status: error?.status ?? 200, error, output, stored, handedOff: context.handedOff });
      },
    });
    return new Response(body, { status: 200, headers: this.allHeaders(STREAM_HEADERS) });
  }

  private async finish(reply: Exclude<Reply, StreamReply>, context?: Context): Promise<Response> {
    if (reply instanceof Response) return await this.finishResponse(reply, context);
    if (reply.kind === 'failure') {
      const { error } = reply;
      const response = failureResponse(error, this.traceId, reply.via, this.allHeaders(reply.headers));
      // A retry of what may succeed later must execute; anything else would fail the same way again.
      const stored = error.retryable || error.status >= 499 ? undefined : await this.snapshot(response);
      this.record({ status: error.status, error, stored });
      return response;
    }
    const text = JSON.stringify(successEnvelope(this.traceId, reply.payload));
    const response = jsonResponse(text, reply.status, this.allHeaders(reply.headers));
    const stored = await this.snapshot(response);
    this.record({
      status: reply.status,
      output: context?.output ?? reply.payload,
      stored,
      handedOff: context?.handedOff ?? false,
    });
    return response;
  }

  private async finishResponse(reply: Response, context?: Context): Promise<Response> {
    const response = new Response(reply.body, reply);
    for (const [name, value] of Object.entries(this.allHeaders({}))) {
      if (!response.headers.has(name)) response.headers.set(name, value);
    }
    const stored = response.status < 499 ? await this.snapshot(response) : undefined;
    this.record({
      status: response.status,
      output: context?.output,
      stored,
      handedOff: context?.handedOff ?? false,
    });
    return response;
  }

  private async snapshot(response: Response): Promise<StoredResponse | undefined> {
    if (!this.lock) return undefined;
    const body = await response.clone().text();
    if (new TextEncoder().encode(body).length > this.deps.limits.maxStoredBytes) {
      response.headers.set('idempotency-stored', 'false');
      return undefined;
    }
    const extra = Object.fromEntries(
      ['etag', 'location', 'cache-control'].flatMap((name) => {
        const value = response.headers.get(name);
        return value === null ? [] : [[name, value]];
      }),
    );
    return {
      status: response.status,
      headers: { ...this.storedHeaders(), ...extra },
      content_type: response.headers.get('content-type') ?? JSON_TYPE,
      body,
    };
  }

  private storedHeaders(): Record<string, string> {
    return { 'x-trace-id': this.traceId };
  }

  private replay(stored: StoredResponse): Response {
    this.over = true;
    const isStream = stored.content_type.startsWith('text/event-stream');
    const headers = {
      ...this.headers,
      ...(isStream ? STREAM_HEADERS : { 'cache-control': 'no-store' }),
      ...stored.headers,
      'content-type': stored.content_type,
      'idempotency-replayed': 'true',
    };
    const last = this.arrival.request.headers.get('last-event-id');
    const frames = isStream && last !== null ? framesAfter(stored.body, last) : stored.body;
    this.log(stored.status, undefined, { replayed: true });
    return new Response(isStream ? replayBody(frames, this.deps) : frames, {
      status: stored.status,
      headers,
    });
  }

  // A refusal before the handler: nothing was begun, so there is nothing to end but the log line.
  private refuse(error: CogoError): Response {
    const response = failureResponse(
      error,
      this.traceId,
      error.sqlstate ? 'postgres' : 'edge',
      this.allHeaders({}),
    );
    if (error.code === 'unauthorized') response.headers.set('www-authenticate', 'Bearer realm="cogo"');
    if (error.status === 429 && !response.headers.has('retry-after'))
      response.headers.set('retry-after', '1');
    if (error.code === 'idempotency_conflict' && error.retryable) response.headers.set('retry-after', '1');
    if (this.bus || this.lock) this.record({ status: error.status, error });
    else {
      this.over = true;
      this.log(error.status, error);
    }
    return response;
  }

  private record(end: {
    status: number;
    error?: CogoError | undefined;
    output?: unknown;
    stored?: StoredResponse | undefined;
    handedOff?: boolean;
  }): void {
    if (this.over) return;
    this.over = true;
    this.log(end.status, end.error);
    if (!this.bus) return;
    this.shared.later(this.send(this.bus, end));
  }

  private async send(
    bus: Bus,
    end: {
      status: number;
      error?: CogoError | undefined;
      output?: unknown;
      stored?: StoredResponse | undefined;
      handedOff?: boolean;
    },
  ): Promise<void> {
    const duration = this.deps.now() - this.startedAt;
    bus.emit(end.error ? 'request.error' : 'request.done', {
      function: this.shared.name,
      operation: this.route.id ?? `${this.route.method} ${this.route.path}`,
      status: end.status,
      duration_ms: duration,
      ...(end.error ? { code: end.error.code } : {}),
    });
    const request = {
      trace_id: this.traceId,
      function: this.shared.name,
      principal: this.principal.id,
      status: end.status,
      duration_ms: duration,
      trace_status: end.error ? 'failed' : end.handedOff ? 'running' : 'ready',
      ...(end.output === undefined ? {} : { output: bounded(end.output) }),
      ...(end.error ? { error: { code: end.error.code, message: end.error.message } } : {}),
      ...(this.lock
        ? {
            idempotency: {
              ...this.lock,
              store: end.stored !== undefined,
              ...(end.stored ? { response: end.stored } : {}),
            },
          }
        : {}),
      events: await bus.drain(),
    };
    const answer = await this.deps.serviceRpc.call('request_end', { request });
    if (!answer.ok) {
      this.deps.log({
        level: 'warn',
        msg: 'request_end failed',
        trace_id: this.traceId,
        error: answer.error.code,
      });
    }
  }

  private allHeaders(headers: Record<string, string>): Record<string, string> {
    return { 'x-trace-id': this.traceId, ...this.headers, ...headers };
  }

  private stop(reason: CogoError): void {
    if (!this.over && !this.abort.signal.aborted) this.abort.abort(reason);
  }

  private watchClient(): void {
    const { signal } = this.arrival.request;
    const gone = () => this.stop(cogoError('aborted', 'The client closed the connection.'));
    if (signal.aborted) gone();
    else signal.addEventListener('abort', gone);
  }

  private explain(thrown: unknown): CogoError {
    const { signal } = this.abort;
    if (signal.aborted) return signal.reason as CogoError;
    this.deps.log({ level: 'error', msg: 'handler threw', trace_id: this.traceId, cause: redact(thrown) });
    return cogoError('internal', `Something failed here, not in your request. Report trace ${this.traceId}.`);
  }

  private log(status: number, error?: CogoError, extra: Record<string, unknown> = {}): void {
    this.deps.log({
      level: status >= 500 ? 'error' : 'info',
      msg: 'request',
      trace_id: this.traceId,
      function: this.shared.name,
      operation: this.route.id ?? `${this.route.method} ${this.route.path}`,
      status,
      ms: this.deps.now() - this.startedAt,
      principal: this.principal.kind,
      ...(error ? { error: error.code } : {}),
      ...extra,
    });
  }
}
