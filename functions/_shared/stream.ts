// A response as server-sent events. Life of a stream:
//   meta -> the handler's frames -> done | error -> 50 ms open -> closed
//                                \-> client gone or time up: signal aborts, nothing more is written
import { cogoError, type CogoError } from '@cogo/spec/errors.ts';
import { failureOf } from '@cogo/spec/envelope.ts';
import { encodeFrame, PING } from '@cogo/spec/sse.ts';
import { ENVELOPE_VERSION } from '@cogo/spec/version.ts';
import type { FailureReply, FrameStream, StreamReply } from './context.ts';
import type { Deps } from './deps.ts';

export interface StreamOutcome {
  /** Absent when the stream ended with `done`. */
  error?: CogoError;
  /** The frames as sent, without pings; absent when larger than may be stored. */
  recorded?: string;
  /** Data of the last `*.done` frame: what the stream came to. */
  output?: unknown;
}

export const STREAM_HEADERS: Record<string, string> = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  // Reverse proxies that buffer by default would hold the frames back.
  'x-accel-buffering': 'no',
};

const encoder = new TextEncoder();

interface StreamSetup {
  reply: StreamReply;
  traceId: string;
  deps: Deps;
  /** Aborted by the plane when the client is gone or the time is up; the reason is a CogoError in the latter case. */
  signal: AbortSignal;
  abort: (reason: CogoError) => void;
  /** Turns a thrown error into one for the caller. */
  explain: (thrown: unknown) => CogoError;
  onEnd: (outcome: StreamOutcome) => void;
}

export function streamBody(setup: StreamSetup): ReadableStream<Uint8Array> {
  const { deps, signal, traceId } = setup;
  let pulled: (() => void) | undefined;
  let ping: ReturnType<typeof setInterval> | undefined;
  const gone = cogoError('aborted', 'The client closed the stream.');

  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const writer = new FrameWriter(
          controller,
          deps,
          signal,
          () => new Promise((resolve) => (pulled = resolve)),
        );
        signal.addEventListener('abort', () => pulled?.());
        ping = setInterval(() => writer.raw(PING), deps.limits.pingMs);
        // Not awaited: start must return before the first pull.
        void run(setup, writer).then(async (error) => {
          clearInterval(ping);
          setup.onEnd({ ...(error ? { error } : {}), ...writer.outcome() });
          await deps.wait(deps.limits.lingerMs, signal);
          writer.close();
        });
      },
      pull() {
        pulled?.();
      },
      cancel() {
        clearInterval(ping);
        setup.abort(gone);
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: 65_536 }),
  );

  async function run(stream: StreamSetup, writer: FrameWriter): Promise<CogoError | undefined> {
    const { route, headers, place } = stream.reply.options;
    const at = () => ({ id: place?.() ?? writer.nextId() });
    const meta = {
      envelope_version: ENVELOPE_VERSION,
      trace_id: traceId,
      event_type: 'meta',
      ts: new Date(deps.now()).toISOString(),
      headers: headers ?? {},
      ...(route === undefined ? {} : { route }),
    };
    await writer.send('meta', meta, at());
    const failed = await settle(stream, writer);
    if (failed === undefined && !signal.aborted) {
      const done = { trace_id: traceId, event_type: 'done', ts: new Date(deps.now()).toISOString() };
      await writer.send('done', done, at());
      return undefined;
    }
    const error = signal.aborted ? reasonOf(signal, gone) : failed!.error;
    writer.raw(encodeFrame({ ...at(), event: 'error', data: failureOf(error, traceId, failed?.via) }));
    return error;
  }

  async function settle(stream: StreamSetup, writer: FrameWriter): Promise<FailureReply | undefined> {
    // A handler that does not heed the signal is left behind; its later frames go nowhere.
    const abandoned = new Promise<FailureReply>((resolve) => {
      const leave = () =>
        resolve({ kind: 'failure', error: reasonOf(signal, gone), via: 'edge', headers: {} });
      if (signal.aborted) leave();
      else signal.addEventListener('abort', leave);
    });
    try {
      return (await Promise.race([stream.reply.body(writer), abandoned])) ?? undefined;
    } catch (thrown) {
      return { kind: 'failure', error: stream.explain(thrown), via: 'edge', headers: {} };
    }
  }
}

function reasonOf(signal: AbortSignal, otherwise: CogoError): CogoError {
  const reason: unknown = signal.reason;
  return typeof reason === 'object' && reason !== null && 'code' in reason && 'retryable' in reason
    ? (reason as CogoError)
    : otherwise;
}

class FrameWriter implements FrameStream {
  readonly signal: AbortSignal;
  private readonly controller: ReadableStreamDefaultController<Uint8Array>;
  private readonly room: () => Promise<void>;
  private readonly limit: number;
  private count = 0;
  private recorded: string | undefined = '';
  private output: unknown;
  private closed = false;

  constructor(
    controller: ReadableStreamDefaultController<Uint8Array>,
    deps: Deps,
    signal: AbortSignal,
    room: () => Promise<void>,
  ) {
    this.controller = controller;
    this.signal = signal;
    this.room = room;
    this.limit = deps.limits.maxStoredBytes;
  }

  nextId(): string {
    return String(++this.count);
  }

  async send(event: string, data: unknown, options: { id?: string } = {}): Promise<boolean> {
    if (this.signal.aborted || this.closed) return false;
    const frame = encodeFrame({ id: options.id ?? this.nextId(), event, data });
    if (this.recorded !== undefined) {
      this.recorded = this.recorded.length + frame.length > this.limit ? undefined : this.recorded + frame;
    }
    if (event.endsWith('.done')) this.output = data;
    this.raw(frame);
    while ((this.controller.desiredSize ?? 1) <= 0 && !this.signal.aborted && !this.closed) await this.room();
    return !this.signal.aborted;
  }

  raw(text: string): void {
    if (this.closed) return;
    try {
      this.controller.enqueue(encoder.encode(text));
    } catch {
      this.closed = true;
    }
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    try {
      this.controller.close();
    } catch {
      // Cancelled by the client in this very moment.
    }
  }

  outcome(): { recorded?: string; output?: unknown } {
    const kept = this.recorded !== undefined && encoder.encode(this.recorded).length <= this.limit;
    return {
      ...(kept ? { recorded: this.recorded! } : {}),
      ...(this.output === undefined ? {} : { output: this.output }),
    };
  }
}

/** A recorded stream sent again, byte for byte, the socket held open after it like the first time. */
export function replayBody(recorded: string, deps: Deps): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(encoder.encode(recorded));
      await deps.wait(deps.limits.lingerMs);
      try {
        controller.close();
      } catch {
        // The client has gone.
      }
    },
  });
}
