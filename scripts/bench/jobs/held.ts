// Jobs at a fixed rate, taken one at a time: while one transaction keeps an old snapshot, so that nothing dead can be cleaned away, or
// without, where each is enqueued by itself.
import postgres from 'postgres';
import type { CogoCalls, Lease } from './ours.ts';
import type { QueueSystem } from './system.ts';

const WORKERS = 4;
/** Jobs in one enqueue where the measure is what takes them. */
const AT_ONCE = 10;

export function openHeld(url: string, calls: CogoCalls): Required<Pick<QueueSystem, 'held' | 'singles'>> {
  const atRate = async (
    { rate, seconds }: { rate: number; seconds: number },
    { atOnce, snapshot }: { atOnce: number; snapshot: boolean },
  ) => {
    const project = (await calls.project('held')).id;
    for (let n = 0; n < WORKERS; n++) await calls.register(`cogo-work.held.${n}`);
    const holder = postgres(url, { max: 1, onnotice: () => {} });
    const session = await holder.reserve();
    try {
      await session`begin isolation level repeatable read`;
      if (snapshot) await session`select count(*) from cogo.jobs`;
      let sent = 0;
      let done = 0;
      let over = false;
      const worker = async (n: number) => {
        let held: Lease[] = [];
        while (!over || held.length > 0) {
          const turn = await calls.turn(`cogo-work.held.${n}`, held, 1);
          done += held.length;
          held = turn.jobs;
          if (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
        }
      };
      const workers = Array.from({ length: WORKERS }, (_, n) => worker(n));
      const pending: Promise<unknown>[] = [];
      const began = performance.now();
      while (sent < rate * seconds) {
        const wait = began + (sent * 1000) / rate - performance.now();
        if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
        sent += atOnce;
        const jobs = Array.from({ length: atOnce }, () => ({ type: 'code.debug', payload: {} }));
        pending.push(calls.enqueue(project, jobs));
      }
      await Promise.all(pending);
      const [kept, behind] = [(done * 100) / (rate * ((performance.now() - began) / 1000)), sent - done];
      over = true;
      await Promise.all(workers);
      return { ': % of the rate kept': kept, ': jobs behind at the end': behind };
    } finally {
      await session`rollback`.catch(() => {});
      session.release();
      await holder.end({ timeout: 2 });
    }
  };
  return {
    held: (o) => atRate(o, { atOnce: AT_ONCE, snapshot: true }),
    singles: (o) => atRate(o, { atOnce: 1, snapshot: false }),
  };
}
