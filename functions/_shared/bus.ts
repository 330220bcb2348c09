// Events of one request on their way to cogo.bus_events: gathered, sent in batches while a long run goes on, the rest
// with request_end. The order is kept: a batch leaves only when the one before has landed.
import type { Deps } from './deps.ts';

export interface BusEvent {
  trace_id: string;
  event_type: string;
  source: string;
  project_id?: string;
  payload: unknown;
}

const BATCH_MS = 100;
const MAX_PAYLOAD_CHARACTERS = 65_536;

export class Bus {
  private pending: BusEvent[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private sending: Promise<void> = Promise.resolve();
  private readonly deps: Deps;
  private readonly base: { trace_id: string; source: string; project_id?: string };

  constructor(deps: Deps, base: { trace_id: string; source: string; project_id?: string }) {
    this.deps = deps;
    this.base = base;
  }

  emit(type: string, payload: unknown): void {
    this.pending.push({ ...this.base, event_type: type, payload: bounded(payload) });
    this.timer ??= setTimeout(() => this.flush(), BATCH_MS);
  }

  private flush(): void {
    this.timer = undefined;
    this.sending = this.sending.then(async () => {
      const events = this.pending.splice(0);
      if (events.length === 0) return;
      const sent = await this.deps.serviceRpc.call('emit_events', { events });
      if (!sent.ok) {
        this.deps.log({
          level: 'warn',
          msg: 'events lost',
          trace_id: this.base.trace_id,
          count: events.length,
          error: sent.error.code,
        });
      }
    });
  }

  /** What is still unsent, for request_end; waits for a batch on its way. */
  async drain(): Promise<BusEvent[]> {
    clearTimeout(this.timer);
    this.timer = undefined;
    await this.sending;
    return this.pending.splice(0);
  }
}

/** A payload small enough for a broadcast; a larger one is replaced by its size. */
export function bounded(payload: unknown): unknown {
  const text = JSON.stringify(payload ?? {});
  return text.length <= MAX_PAYLOAD_CHARACTERS
    ? (payload ?? {})
    : { truncated: true, characters: text.length };
}
