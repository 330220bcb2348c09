// What a handler sees, and what it may answer.
import type { z } from 'zod';
import type { CogoError, ErrorOptions, ErrorSlug } from '@cogo/spec/errors.ts';
import { cogoError } from '@cogo/spec/errors.ts';
import type { Deps } from './deps.ts';
import type { Principal } from './principal.ts';
import type { Rpc } from './rpc.ts';

export interface FrameStream {
  /**
   * Sends one frame and waits while the client reads slowly. Frames are numbered 1, 2, … unless `id` is given;
   * `trace_id` is not added: put it where the event's schema has it. False when the client is gone.
   */
  send(event: string, data: unknown, options?: { id?: string }): Promise<boolean>;
  /** Aborted when the client is gone or the time is up. */
  readonly signal: AbortSignal;
}

export interface StreamOptions {
  /** `route` of the `meta` frame. */
  route?: unknown;
  /** `headers` of the `meta` frame. */
  headers?: Record<string, string>;
  /**
   * The id of `meta`, `done` and `error`, for streams that resume by themselves: where the stream is. Without it, or while it
   * answers nothing, they are numbered, and a client that is cut off after one would not know where it was.
   */
  place?: () => string | undefined;
}

/** What a stream's body may return: nothing, or the failure that ends it. */
// biome-ignore lint/suspicious/noConfusingVoidType: a body that just ends must not have to say `return undefined`
export type StreamBody = (stream: FrameStream) => Promise<FailureReply | void>;

export interface JsonReply {
  kind: 'json';
  payload: Record<string, unknown>;
  status: number;
  headers: Record<string, string>;
}
export interface FailureReply {
  kind: 'failure';
  error: CogoError;
  via: string;
  headers: Record<string, string>;
}
export interface StreamReply {
  kind: 'stream';
  body: StreamBody;
  options: StreamOptions;
}
export type Reply = JsonReply | FailureReply | StreamReply | Response;

export interface ContextFields<B, Q, P> {
  body: B;
  query: Q;
  params: P;
  principal: Principal;
  traceId: string;
  request: Request;
  /** The database as the caller. */
  db: Rpc;
  /** The database as the service: only for what is nobody's own. */
  service: Rpc;
  deps: Deps;
  signal: AbortSignal;
  /** The caller asked for a stream. */
  wantsStream: boolean;
  emit: (type: string, payload: unknown) => void;
}

export class Context<B = unknown, Q = unknown, P = unknown> implements ContextFields<B, Q, P> {
  readonly body!: B;
  readonly query!: Q;
  readonly params!: P;
  readonly principal!: Principal;
  readonly traceId!: string;
  readonly request!: Request;
  readonly db!: Rpc;
  readonly service!: Rpc;
  readonly deps!: Deps;
  readonly signal!: AbortSignal;
  readonly wantsStream!: boolean;
  /** Writes a row to the bus; batched, never waits, never fails the request. */
  readonly emit!: (type: string, payload: unknown) => void;
  /** What `trace-status` shows as output; unless set, the answer itself. */
  output: unknown;
  /** What is kept with the record of this request in one call, by its name in cogo_api.request_end; see keep. */
  kept: { name: string; value: Record<string, unknown> } | undefined;
  /** The trace goes on in a job: it stays `running` when this request ends. */
  handedOff = false;

  constructor(fields: ContextFields<B, Q, P>) {
    Object.assign(this, fields);
  }

  /** `Last-Event-ID` of a client that reconnects, for streams that can resume by themselves. */
  get lastEventId(): string | undefined {
    return this.request.headers.get('last-event-id') ?? undefined;
  }

  /** Has cogo_api.request_end keep `value` under `name`. The answer leaves only once it is kept; where it cannot be, a failure leaves. */
  keep(name: string, value: Record<string, unknown>): void {
    this.kept = { name, value };
  }

  ok(
    payload: Record<string, unknown>,
    options: { status?: number; headers?: Record<string, string> } = {},
  ): JsonReply {
    return { kind: 'json', payload, status: options.status ?? 200, headers: options.headers ?? {} };
  }

  fail(
    slug: ErrorSlug,
    message: string,
    options: ErrorOptions & { via?: string; headers?: Record<string, string> } = {},
  ): FailureReply {
    const { via, headers, ...rest } = options;
    return this.failWith(cogoError(slug, message, rest), {
      ...(via ? { via } : {}),
      ...(headers ? { headers } : {}),
    });
  }

  /** Passes on the error of a Result. An error of the database says so by `via: postgres`. */
  failWith(error: CogoError, options: { via?: string; headers?: Record<string, string> } = {}): FailureReply {
    const via = options.via ?? (error.sqlstate ? 'postgres' : 'edge');
    return { kind: 'failure', error, via, headers: options.headers ?? {} };
  }

  sse(body: StreamBody, options: StreamOptions = {}): StreamReply {
    return { kind: 'stream', body, options };
  }

  /** Says that job `jobId` carries the trace on. In a stream, send the frame `handoff` as well. */
  handoff(jobId: string): void {
    this.handedOff = true;
    this.emit('handoff', { job_id: jobId });
  }
}

export type Handler<B extends z.ZodType, Q extends z.ZodType, P extends z.ZodType> = (
  context: Context<z.output<B>, z.output<Q>, z.output<P>>,
) => Reply | Promise<Reply>;
