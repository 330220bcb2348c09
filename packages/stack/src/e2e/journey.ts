// One user's way through a place, by an unmodified supabase-js: sign up, rpc, Storage, a function, and its events by Realtime.
// The client comes from outside, so that the same journey runs with any version of it and any Node.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { createClient as CreateClient, SupabaseClient } from '@supabase/supabase-js';

export interface JourneyOptions {
  createClient: typeof CreateClient;
  /** A WebSocket for Node below 22; undefined takes Node's own. */
  transport: unknown;
  url: string;
  publishableKey: string;
  secretKey: string;
}

export interface BusEvent {
  id: number;
  trace_id: string;
  event_type: string;
}

export interface Journey {
  /** A new user, signed up and in. */
  signUp(): Promise<SupabaseClient>;
  /** With a WebSocket of its own, if one is given. */
  anonymous(transport?: unknown): SupabaseClient;
  service(): SupabaseClient;
  /** Hangs up every client. */
  end(): Promise<void>;
}

export function startJourney(o: JourneyOptions): Journey {
  const clients: SupabaseClient[] = [];
  const make = (key: string, transport = o.transport) => {
    const client = o.createClient(o.url, key, {
      auth: { persistSession: false, autoRefreshToken: false },
      realtime: { timeout: 5000, ...(transport ? { transport: transport as never } : {}) },
    });
    clients.push(client);
    return client;
  };
  return {
    anonymous: (transport) => make(o.publishableKey, transport),
    service: () => make(o.secretKey),
    signUp: async () => {
      const client = make(o.publishableKey);
      const email = `${randomUUID()}@example.com`;
      const { data, error } = await client.auth.signUp({ email, password: `pass ${randomUUID()}` });
      assert.equal(error, null);
      assert.equal(data.user?.email, email);
      assert.ok(data.session?.access_token, 'signing up opens a session');
      return client;
    },
    end: async () => {
      await Promise.all(
        clients.map((client) => {
          // A removed channel leaves a timer of 50 s behind, which a new one ends; `disconnect()` leaves one of ten seconds,
          // the socket's own does not. A test would wait for both.
          client.channel('end');
          const { socketAdapter } = client.realtime as unknown as {
            socketAdapter: { getSocket(): { disconnect(done: () => void): void } };
          };
          return new Promise<void>((resolve) => socketAdapter.getSocket().disconnect(resolve));
        }),
      );
    },
  };
}

/** A new project of the client's user. */
export async function createProject(client: SupabaseClient, name: string): Promise<string> {
  const { data, error } = await client.schema('cogo_api').rpc('create_project', { name });
  assert.equal(error, null);
  assert.equal(data.role, 'owner');
  return data.id;
}

export function newTraceId(): string {
  return randomUUID().replaceAll('-', '');
}

/**
 * Asks `chat` and reads its stream. `onMeta` runs at the first frame, when the trace exists, while the rest is still to come.
 * Returns the frames' names and the answer's text.
 */
export async function askChat(
  client: SupabaseClient,
  o: { projectId: string; traceId: string; text: string; onMeta: () => Promise<void> },
): Promise<{ frames: string[]; text: string }> {
  const { data, error } = await client.functions.invoke('chat', {
    body: { project_id: o.projectId, text: o.text, stream: true },
    headers: { 'x-trace-id': o.traceId, accept: 'text/event-stream' },
  });
  if (error) assert.fail(`chat failed: ${error.message} ${await (error.context as Response)?.text?.()}`);
  const stream = (data as Response).body;
  assert.ok(stream, 'an event stream is handed over as a response');
  const frames: string[] = [];
  let text = '';
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    rest += decoder.decode(chunk as Uint8Array, { stream: true });
    const blocks = rest.split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const name = /^event: (.*)$/m.exec(block)?.[1];
      if (!name) continue;
      frames.push(name);
      if (name === 'meta') await o.onMeta();
      if (name === 'llm.done') text = JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? '{}').text;
    }
  }
  return { frames, text };
}

/** A subscription to `trace:{id}` with the client's own rights; `error` is the reason of a refusal. */
export function followTrace(client: SupabaseClient, traceId: string) {
  const events: BusEvent[] = [];
  const ids = new Set<string>();
  let check = () => {};
  const channel = client.channel(`trace:${traceId}`, {
    config: { private: true, broadcast: { replay: { since: Date.now() - 60_000, limit: 25 } } },
  });
  channel.on('broadcast', { event: '*' }, (message) => {
    const { payload, meta } = message as unknown as { payload: BusEvent; meta: { id: string } };
    assert.ok(!ids.has(meta.id), 'an event came twice');
    ids.add(meta.id);
    events.push(payload);
    check();
  });
  const subscribed = new Promise<{ status: string; error: string | undefined }>((resolve) => {
    channel.subscribe((status, error) => resolve({ status, error: error?.message }));
  });
  /** Resolves when an event of this type has come. */
  const until = (type: string) =>
    new Promise<void>((resolve) => {
      check = () => {
        if (events.some((event) => event.event_type === type)) resolve();
      };
      check();
    });
  return { channel, subscribed, events, until };
}
