import type { Clock } from './clock.ts';

interface Sleeper {
  at: number;
  wake: () => void;
}

/** A clock that moves only when told: tests of leases and backoff take no real time. */
export class FakeClock implements Clock {
  #now = 0;
  #sleepers: Sleeper[] = [];

  now(): number {
    return this.#now;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const sleeper: Sleeper = { at: this.#now + Math.max(0, ms), wake: () => wake() };
      const wake = () => {
        this.#sleepers = this.#sleepers.filter((s) => s !== sleeper);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      signal?.addEventListener('abort', wake, { once: true });
      this.#sleepers.push(sleeper);
    });
  }

  after(ms: number, then: () => void): () => void {
    const drop = () => {
      this.#sleepers = this.#sleepers.filter((s) => s !== sleeper);
    };
    const wake = () => {
      drop();
      then();
    };
    const sleeper: Sleeper = { at: this.#now + Math.max(0, ms), wake };
    this.#sleepers.push(sleeper);
    return drop;
  }

  /** Moves time by `ms`, waking sleepers in order and letting everything they start settle in between. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settle();
    for (;;) {
      const next = this.#sleepers.filter((s) => s.at <= until).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#now = Math.max(this.#now, next.at);
      next.wake();
      await settle();
    }
    this.#now = until;
    await settle();
  }
}

/** Lets pending promise chains run: a few turns of the event loop, no time. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
