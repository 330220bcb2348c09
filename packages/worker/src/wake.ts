import { createClient } from '@supabase/supabase-js';
import { WebSocket, type ClientOptions } from 'ws';
import type { Wake } from './loop/core.ts';

/**
 * Wake-ups by Realtime broadcast on the private topic `agents:{executor}`: `wake` when a job of its lane became ready,
 * `cancel` when one it runs is to stop. Only hints: without them the worker polls, so a Realtime that is away is no error.
 *
 * @param o.token worker token; Realtime hands `x-` headers of the connection to the policy that checks the topic
 */
export function realtimeWake(o: {
  url: string;
  apikey: string;
  token: string | null;
  executorId: string;
  /** Told when the topic is joined, also again after an interruption. */
  onJoin?: () => void;
}): Wake {
  return (bells) => {
    const headers: Record<string, string> = o.token === null ? {} : { 'x-cogo-token': o.token };
    class Socket extends WebSocket {
      constructor(address: string | URL, protocols?: string | string[], options?: ClientOptions) {
        super(address, protocols, { ...options, headers: { ...options?.headers, ...headers } });
        // An unhandled 'error' event would end the process; the client hears of it by its own handler.
        this.on('error', () => {});
      }
    }
    const client = createClient(o.url, o.apikey, {
      auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
      realtime: { transport: Socket as never },
    });
    const channel = client.channel(`agents:${o.executorId}`, { config: { private: true } });
    channel
      .on('broadcast', { event: 'wake' }, () => bells.work())
      .on('broadcast', { event: 'cancel' }, () => bells.beat())
      .subscribe((status) => {
        if (status !== 'SUBSCRIBED') return;
        o.onJoin?.();
        // What was rung while nobody listened.
        bells.work();
      });
    return () => {
      // Its timers too: a pending join would keep the process alive for ten seconds.
      channel.teardown();
      void client.realtime.disconnect();
    };
  };
}
