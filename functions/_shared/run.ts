// One request from its arrival to its record, in the fixed order:
//   body limit -> authenticate -> input -> rate limit + idempotency + trace -> handler -> error map -> bus, log
// (CORS and the trace id come before it, in plane.ts.)
import type { z } from 'zod';
import { cogoError, type CogoError } from '@cogo/spec/errors.ts';
import { ok, type Result } from '@cogo/spec/result.ts';
import {
  begin,
  checkIdempotencyKey,
  IDEMPOTENCY_TTL_S,
  requestHash,
  type BeginRequest,
  type StoredResponse,
} from './begin.ts';
import { Bus } from './bus.ts';
import { Context, type Handler, type Reply, type StreamReply } from './context.ts';
import type { Deps } from './deps.ts';
import type { KeySet } from './jwks.ts';
import { prepare, type Arrival, type Prepared, type Route } from './prepare.ts';
import { NOBODY, type Principal } from './principal.ts';
import { projectIdOf, sessionIdOf, type ProjectAccess } from './project_access.ts';
import { anonymousCaller, bucketOf, DEFAULT_RATE, rateHeaders, type MemoryBuckets } from './rate.ts';
import { endRequest, snapshotOf, type Ending } from './record.ts';
import { redact } from './redact.ts';
import { sha256Hex } from '@cogo/spec/sha256.ts';
import { failureResponse, replayResponse, replyResponse } from './respond.ts';
import { STREAM_HEADERS, streamBody } from './stream.ts';

/** What the requests of one function share. */
export interface Shared {
  name: string;
  deps: Deps;
  keySet: KeySet | undefined;
  buckets: MemoryBuckets;
  access: ProjectAccess;
  /** Work that outlives its response. */
  later: (work: Promise<unknown>) => void;
}

export async function runRoute<B extends z.ZodType, Q extends z.ZodType, P extends z.ZodType>(
  route: Route<B, Q, P>,
  handler: Handler<B, Q, P>,
  arrival: Arrival,
  shared: Shared,
): Promise<Response> {
  const run = new Run(
    route as unknown as Route,
    handler as unknown as Handler<z.ZodType, z.ZodType, z.ZodType>,
    arrival,
    shared,
  );
  return await run.respond();
}

class Run {
  private readonly route: Route;
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
    route: Route,
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
      const { principal, result } = await prepare(this.route, this.arrival, this.deps, this.shared.keySet);
      this.principal = principal;
      if (!result.ok) return this.refuse(result.error);
      return await this.execute(result.value);
    } catch (thrown) {
      return this.refuse(this.explain(thrown));
    }
  }

  private async execute(prepared: Prepared): Promise<Response> {
    const { deps, shared, route } = this;
    const projectId = projectIdOf(prepared.body, prepared.query);
    const hidden = projectId
      ? await shared.access.check(
          prepared.principal,
          projectId,
          deps.rpc(prepared.principal, { traceId: this.traceId }),
        )
      : undefined;
    const rule = route.rate ?? DEFAULT_RATE;
    const limited = await bucketOf(
      shared.name,
      prepared.principal,
      this.arrival.request.headers,
      rule,
      deps.env,
    );
    // Reads leave no trace row: a poll of a trace must not begin that trace anew. A stream's row must exist before
    // its first frame, whatever the method.
    if (route.method === 'GET' && !prepared.wantsStream) {
      if (limited) {
        const rate = shared.buckets.take(limited, deps.now());
        Object.assign(this.headers, rateHeaders(rate));
        if (!rate.allowed) {
          return this.refuse(
            cogoError('rate_limited', `Too many requests. Retry after ${rate.retry_after_s} s.`),
          );
        }
      }
    } else {
      const answered = await this.begin(prepared, hidden ? undefined : projectId, limited);
      if (answered !== undefined) return answered;
    }
    if (hidden) return await this.finish({ kind: 'failure', error: hidden, via: 'postgres', headers: {} });
    return await this.handle(prepared);
  }

  /** Makes the trace and takes the key; a Response when the request ends here. */
  private async begin(
    prepared: Prepared,
    projectId: string | undefined,
    limited: BeginRequest['rate'],
  ): Promise<Response | undefined> {
    const { deps, shared } = this;
    const ask = await this.question(prepared, projectId, limited);
    if (!ask.ok) return this.refuse(ask.error);
    const begun = await begin(ask.value, deps, this.abort.signal);
    if (begun.rate) Object.assign(this.headers, rateHeaders(begun.rate));
    if (!begun.result.ok) return this.refuse(begun.result.error);
    const { traceId, replay, lockToken } = begun.result.value;
    if (replay) return this.replay(replay);
    this.traceId = traceId;
    if (lockToken && ask.value.idempotency)
      this.lock = { key: ask.value.idempotency.key, lock_token: lockToken };
    this.bus = new Bus(deps, {
      trace_id: traceId,
      source: shared.name,
      ...(projectId ? { project_id: projectId } : {}),
    });
    return undefined;
  }

  private async question(
    prepared: Prepared,
    projectId: string | undefined,
    limited: BeginRequest['rate'],
  ): Promise<Result<BeginRequest>> {
    const { route, shared, arrival } = this;
    const sessionId = sessionIdOf(prepared.body);
    const ask: BeginRequest = {
      trace_id: this.traceId,
      function: shared.name,
      principal: this.principal.id,
      route: `${route.method} ${route.path}`,
      ...(projectId ? { project_id: projectId } : {}),
      ...(sessionId ? { session_id: sessionId } : {}),
      ...(limited ? { rate: limited } : {}),
    };
    const presented = arrival.request.headers.get('idempotency-key');
    if (presented === null || !route.idempotent) return ok(ask);
    const key = checkIdempotencyKey(presented);
    if (!key.ok) return key;
    const request_hash = await requestHash({
      function: shared.name,
      method: route.method,
      path: arrival.path,
      query: { ...prepared.rawQuery },
      stream: prepared.wantsStream,
      body: prepared.rawBody,
    });
    const own = await this.ownKey(key.value);
    return ok({ ...ask, idempotency: { key: own, request_hash, ttl_s: IDEMPOTENCY_TTL_S } });
  }

  /** `anon` is everybody: what one of them keeps under a key, another who guesses the key must not be given. */
  private async ownKey(key: string): Promise<string> {
    const { kind, credentials } = this.principal;
    if (kind !== 'anon') return key;
    const who = await anonymousCaller(this.arrival.request.headers, credentials?.apikey);
    return await sha256Hex(`${who}\n${key}`);
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
      const reply = await Promise.race([Promise.resolve(this.handler(context)), abandoned]);
      return signal.aborted ? await abandoned : reply;
    } catch (thrown) {
      return { kind: 'failure', error: this.explain(thrown), via: 'edge', headers: {} };
    }
  }

  private stream(reply: StreamReply, context: Context, timer: ReturnType<typeof setTimeout>): Response {
    const headers = this.allHeaders(STREAM_HEADERS);
    // The isolate must outlive a client that leaves: what was begun is ended in the database.
    let ended: () => void = () => {};
    this.shared.later(new Promise<void>((resolve) => (ended = resolve)));
    const body = streamBody({
      reply,
      traceId: this.traceId,
      deps: this.deps,
      signal: this.abort.signal,
      abort: (reason) => this.stop(reason),
      explain: (thrown) => this.explain(thrown),
      onEnd: ({ error, recorded, output }) => {
        clearTimeout(timer);
        // Only what ended well is replayed: an error, like an abort, frees the key.
        const stored: StoredResponse | undefined =
          error || recorded === undefined
            ? undefined
            : {
                status: 200,
                headers: { 'x-trace-id': this.traceId },
                content_type: headers['content-type']!,
                body: recorded,
              };
        const { handedOff } = context;
        this.record({
          status: error?.status ?? 200,
          error,
          output: context.output ?? output,
          stored,
          handedOff,
        });
        ended();
      },
    });
    return new Response(body, { status: 200, headers });
  }

  private async finish(reply: Exclude<Reply, StreamReply>, context?: Context): Promise<Response> {
    const response = replyResponse(reply, this.traceId, this.allHeaders({}));
    const error = !(reply instanceof Response) && reply.kind === 'failure' ? reply.error : undefined;
    const payload = !(reply instanceof Response) && reply.kind === 'json' ? reply.payload : undefined;
    // A retry of what may succeed later must execute; anything else would come out the same way again.
    const keep = this.lock !== undefined && response.status < 499 && !error?.retryable;
    const stored = keep
      ? await snapshotOf(response, this.traceId, this.deps.limits.maxStoredBytes)
      : undefined;
    const kept = error ? undefined : context?.kept;
    const output = error ? undefined : (context?.output ?? (kept ? undefined : payload));
    const end = {
      status: response.status,
      error,
      output,
      stored,
      handedOff: context?.handedOff ?? false,
      kept,
    };
    if (!kept) {
      this.record(end);
      return response;
    }
    const lost = await this.end(end);
    if (!lost) return response;
    this.over = false;
    return this.refuse(lost);
  }

  /** A request refused before its handler. When nothing was begun, there is nothing to end but the log line. */
  private refuse(error: CogoError): Response {
    this.record({ status: error.status, error });
    return failureResponse(error, this.traceId, error.sqlstate ? 'postgres' : 'edge', this.allHeaders({}));
  }

  private replay(stored: StoredResponse): Response {
    this.over = true;
    this.log(stored.status, undefined, { replayed: true });
    return replayResponse(stored, this.headers, this.arrival.request.headers.get('last-event-id'), this.deps);
  }

  private record(end: Ending): void {
    const ended = this.end(end);
    if (ended) this.shared.later(ended);
  }

  /** Writes the request's last record, once; the error where it could not be written. */
  private end(end: Ending): Promise<CogoError | undefined> | undefined {
    if (this.over) return undefined;
    this.over = true;
    this.log(end.status, end.error);
    if (!this.bus) return undefined;
    const who = {
      traceId: this.traceId,
      function: this.shared.name,
      operation: this.operation(),
      principal: this.principal.id,
      durationMs: this.deps.now() - this.startedAt,
      lock: this.lock,
    };
    return endRequest(this.deps, this.bus, who, end);
  }

  private operation(): string {
    return this.route.id ?? `${this.route.method} ${this.route.path}`;
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
      operation: this.operation(),
      status,
      ms: this.deps.now() - this.startedAt,
      principal: this.principal.kind,
      ...(error ? { error: error.code } : {}),
      ...extra,
    });
  }
}
