import type { Clock } from '../clock.ts';

/** Wakes one waiting loop early; a ring while nobody waits is kept for the next wait. */
export class Bell {
  #rung = false;
  #wake: () => void = () => {};

  ring(): void {
    this.#rung = true;
    this.#wake();
  }

  /** Resolves after `ms`, on a ring, or when `signal` aborts. */
  async wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#rung && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          cancel();
          signal.removeEventListener('abort', wake);
          this.#wake = () => {};
          resolve();
        };
        const cancel = clock.after(ms, wake);
        signal.addEventListener('abort', wake);
        this.#wake = wake;
      });
    }
    this.#rung = false;
  }
}
