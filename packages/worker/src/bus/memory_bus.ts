import { failure, ok } from '@cogo/spec/result.ts';
import type { Hint, RealtimeBus } from './bus.ts';

/** RealtimeBus in memory, for one process and for tests. `mayUse` stands for the policies of a real one; all may, unless said. */
export class MemoryBus {
  readonly #subscribers = new Map<string, Set<(hint: Hint) => void>>();

  as(mayUse: (topic: string) => boolean = () => true): RealtimeBus {
    const mine = new Set<() => void>();
    return {
      subscribe: (topic, onHint, onJoin) => {
        if (!mayUse(topic)) return () => {};
        const all = this.#subscribers.get(topic) ?? new Set();
        this.#subscribers.set(topic, all);
        all.add(onHint);
        if (onJoin) queueMicrotask(onJoin);
        const end = () => {
          all.delete(onHint);
          mine.delete(end);
        };
        mine.add(end);
        return end;
      },
      publish: async (hint) => {
        if (!mayUse(hint.topic))
          return failure('forbidden', `These credentials may not publish on ${hint.topic}.`);
        for (const onHint of this.#subscribers.get(hint.topic) ?? []) onHint(structuredClone(hint));
        return ok(undefined);
      },
      close: () => {
        for (const end of [...mine]) end();
      },
    };
  }
}
