import type { Clock } from '../clock.ts';

/** Wakes one waiting loop early; a ring while nobody waits is kept for the next wait. */
export class Bell {
  #rung = false;
  #waiting: AbortController | null = null;

  ring(): void {
    this.#rung = true;
    this.#waiting?.abort();
  }

  /** Resolves after `ms`, on a ring, or when `signal` aborts. */
  async wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#rung) {
      this.#waiting = new AbortController();
      await clock.sleep(ms, AbortSignal.any([this.#waiting.signal, signal]));
      this.#waiting = null;
    }
    this.#rung = false;
  }
}
