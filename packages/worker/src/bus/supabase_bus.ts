import { createClient, type RealtimeChannel } from '@supabase/supabase-js';
import { cogoError } from '@cogo/spec/errors.ts';
import { err, ok } from '@cogo/spec/result.ts';
import { WebSocket, type ClientOptions } from 'ws';
import type { RealtimeBus } from './bus.ts';

/** How long a connection that is ended may keep the process. */
const LINGER_MS = 500;

interface Adapter {
  disconnect(done: () => void, code: undefined, reason: undefined, timeoutMs: number): Promise<unknown>;
}

/**
 * RealtimeBus over Supabase Realtime, hosted or the stack's own: private broadcast channels.
 *
 * @param o.token worker token; Realtime hands `x-` headers of the connection to the policies that check a topic
 */
export function supabaseBus(o: { url: string; apikey: string; token: string | null }): RealtimeBus {
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
  const channels = new Set<RealtimeChannel>();
  const end = (channel: RealtimeChannel) => {
    // Its timers too: a pending join would keep the process alive for ten seconds.
    channel.teardown();
    channels.delete(channel);
    if (channels.size === 0) disconnect();
  };
  // realtime-js 2.109 waits for the end of the connection with a timer of ten seconds that nothing clears, and gives no way to say
  // less; its adapter takes one. A program that is done would linger for as long.
  const disconnect = () => {
    const { socketAdapter } = client.realtime as unknown as { socketAdapter: Adapter };
    void socketAdapter.disconnect(() => {}, undefined, undefined, LINGER_MS);
  };
  return {
    subscribe(topic, onHint, onJoin) {
      const channel = client.channel(topic, { config: { private: true } });
      channels.add(channel);
      channel
        .on('broadcast', { event: '*' }, ({ event, payload }) => {
          onHint({ topic, event, payload: (payload ?? {}) as Record<string, unknown> });
        })
        .subscribe((status) => {
          if (status === 'SUBSCRIBED') onJoin?.();
        });
      return () => end(channel);
    },
    async publish({ topic, event, payload }) {
      try {
        const response = await fetch(`${o.url.replace(/\/+$/, '')}/realtime/v1/api/broadcast`, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            apikey: o.apikey,
            authorization: `Bearer ${o.apikey}`,
            ...headers,
          },
          body: JSON.stringify({ messages: [{ topic, event, payload, private: true }] }),
          signal: AbortSignal.timeout(10_000),
        });
        await response.body?.cancel();
        if (response.ok) return ok(undefined);
        const refused = [401, 403].includes(response.status);
        return err(
          refused
            ? cogoError('forbidden', `These credentials may not publish on ${topic}.`)
            : cogoError('unavailable', `Realtime answered ${response.status}.`),
        );
      } catch (cause) {
        return err(cogoError('unavailable', `Realtime could not be reached (${(cause as Error).name}).`));
      }
    },
    close() {
      for (const channel of [...channels]) end(channel);
    },
  };
}
