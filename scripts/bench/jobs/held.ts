// Jobs at a fixed rate, with and without one transaction that keeps an old snapshot, so that nothing dead can be cleaned away.
import postgres from 'postgres';
import { quantile } from '../spread.ts';
import type { CogoCalls, Lease } from './ours.ts';
import type { QueueSystem } from './system.ts';

const WORKERS = 4;

export function openHeld(
  url: string,
  calls: CogoCalls,
  /** False when the run was given up: its loops end. */
  goesOn: () => () => boolean,
): Required<Pick<QueueSystem, 'held'>> {
  return {
    async held({ rate, seconds, snapshot, qty, atOnce }) {
      const on = goesOn();
      const project = (await calls.project('held')).id;
      for (let n = 0; n < WORKERS; n++) await calls.register(`cogo-work.held.${n}`);
      const holder = postgres(url, { max: 1, onnotice: () => {} });
      const session = await holder.reserve();
      try {
        if (snapshot) {
          await session`begin isolation level repeatable read`;
          await session`select count(*) from cogo.jobs`;
        }
        let sent = 0;
        let done = 0;
        let over = false;
        const turns: { at: number; ms: number; jobs: number }[] = [];
        const began = performance.now();
        const worker = async (n: number) => {
          let held: Lease[] = [];
          while (on() && (!over || held.length > 0)) {
            const at = performance.now();
            const turn = await calls.turn(`cogo-work.held.${n}`, held, qty);
            done += held.length;
            if (held.length > 0)
              turns.push({ at: at - began, ms: performance.now() - at, jobs: held.length });
            held = turn.jobs;
            if (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
          }
        };
        const workers = Array.from({ length: WORKERS }, (_, n) => worker(n));
        const pending: Promise<unknown>[] = [];
        while (on() && sent < rate * seconds) {
          const wait = began + (sent * 1000) / rate - performance.now();
          if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
          sent += atOnce;
          const jobs = Array.from({ length: atOnce }, () => ({ type: 'code.debug', payload: {} }));
          pending.push(calls.enqueue(project, jobs));
        }
        await Promise.all(pending);
        const took = performance.now() - began;
        const [kept, behind] = [(done * 100) / ((rate * took) / 1000), sent - done];
        over = true;
        await Promise.all(workers);
        // What a call costs must not grow with what is dead.
        const part = (from: number, to: number) => {
          const some = turns.filter((t) => t.at >= from * took && t.at < to * took);
          const jobs = some.reduce((sum, t) => sum + t.jobs, 0);
          return {
            kept: (jobs * 100) / ((rate * (to - from) * took) / 1000),
            p50: quantile(
              some.map((t) => t.ms),
              0.5,
            ),
          };
        };
        const [first, last] = [part(0, 0.2), part(0.8, 1)];
        return {
          ': % of the rate kept': kept,
          ': jobs behind at the end': behind,
          ': % kept in the first fifth': first.kept,
          ': % kept in the last fifth': last.kept,
          ': ms a turn in the first fifth, p50': first.p50,
          ': ms a turn in the last fifth, p50': last.p50,
        };
      } finally {
        if (snapshot) await session`rollback`.catch(() => {});
        session.release();
        await holder.end({ timeout: 2 });
      }
    },
  };
}
