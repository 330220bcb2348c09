import type { RealtimeBus } from './bus/bus.ts';
import { supabaseBus } from './bus/supabase_bus.ts';
import type { Wake } from './loop/core.ts';

/**
 * Wake-ups by the hints of the topic `agents:{executor}`: `wake` when a job of its lane became ready, `cancel` when one it runs is
 * to stop. Only hints: without them the worker polls, so a bus that is away is no error. The bus is closed with them.
 *
 * @param onJoin told when the topic is joined, also again after an interruption
 */
export function busWake(bus: RealtimeBus, executorId: string, onJoin?: () => void): Wake {
  return (bells) => {
    bus.subscribe(
      `agents:${executorId}`,
      ({ event }) => {
        if (event === 'wake') bells.work();
        if (event === 'cancel') bells.beat();
      },
      () => {
        onJoin?.();
        // What was rung while nobody listened.
        bells.work();
      },
    );
    return () => bus.close();
  };
}

/** `busWake` over Supabase Realtime. */
export function realtimeWake(o: {
  url: string;
  apikey: string;
  token: string | null;
  executorId: string;
  onJoin?: () => void;
}): Wake {
  return (bells) => busWake(supabaseBus(o), o.executorId, o.onJoin)(bells);
}
