// Who is on a topic, as Phoenix.Presence keeps it: by key, one entry for every tracker, each with a reference of its own.

/** `{key: {metas: [{phx_ref, …}]}}`, the shape of `presence_state` and of both halves of `presence_diff`. */
export type PresenceState = Record<string, { metas: Record<string, unknown>[] }>;

export interface PresenceDiff {
  joins: PresenceState;
  leaves: PresenceState;
}

/** The presences of one topic; a tracker is whatever object stands for one channel of one socket. */
export class PresenceBook<Tracker extends object> {
  #entries = new Map<Tracker, { key: string; json: string; meta: Record<string, unknown> }>();
  #nextRef: () => string;

  constructor(nextRef: () => string) {
    this.#nextRef = nextRef;
  }

  get size(): number {
    return this.#entries.size;
  }

  state(): PresenceState {
    const state: PresenceState = Object.create(null);
    for (const { key, meta } of this.#entries.values()) {
      state[key] ??= { metas: [] };
      state[key].metas.push(meta);
    }
    return state;
  }

  /** Null when nothing changed. A second track of one tracker replaces its entry and names the one before. */
  track(tracker: Tracker, key: string, payload: Record<string, unknown>): PresenceDiff | null {
    const json = JSON.stringify(payload);
    const before = this.#entries.get(tracker);
    if (before?.json === json) return null;
    const meta: Record<string, unknown> = { ...payload, phx_ref: this.#nextRef() };
    if (before) meta['phx_ref_prev'] = before.meta['phx_ref'];
    this.#entries.set(tracker, { key, json, meta });
    return { joins: one(key, meta), leaves: before ? one(before.key, before.meta) : {} };
  }

  /** Null when the tracker was not there. */
  untrack(tracker: Tracker): PresenceDiff | null {
    const before = this.#entries.get(tracker);
    if (!before) return null;
    this.#entries.delete(tracker);
    return { joins: {}, leaves: one(before.key, before.meta) };
  }
}

// Keys come from clients: on a plain object `__proto__` would vanish.
function one(key: string, meta: Record<string, unknown>): PresenceState {
  const state: PresenceState = Object.create(null);
  state[key] = { metas: [meta] };
  return state;
}
