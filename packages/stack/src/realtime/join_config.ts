/** What a client asked for in `phx_join`. */
export interface JoinConfig {
  isPrivate: boolean;
  ack: boolean;
  self: boolean;
  /** Null without replay. `since` in milliseconds since the epoch. */
  replay: { since: number; limit: number } | null;
  replicationReady: boolean;
  presence: { enabled: boolean; key: string | null };
  postgresChanges: Record<string, unknown>[];
  accessToken: string | null;
}

export type ParsedJoin = { ok: true; config: JoinConfig } | { ok: false; reason: string };

/**
 * Reads a join's payload as Supabase Realtime does: what is missing or of the wrong type counts as not asked for, booleans may
 * be text, only a replay must be right.
 */
export function parseJoin(payload: unknown, replayMost: number): ParsedJoin {
  const join = record(payload);
  const config = record(join['config']);
  const broadcast = record(config['broadcast']);
  const presence = record(config['presence']);
  const isPrivate = flag(config['private']);
  let replay: JoinConfig['replay'] = null;
  if (broadcast['replay'] !== undefined && broadcast['replay'] !== null) {
    if (!isPrivate)
      return { ok: false, reason: 'UnableToReplayMessages: Replay is not allowed for public channels' };
    const { since, limit = replayMost } = record(broadcast['replay']);
    // The largest millisecond a Date can hold.
    if (!isWhole(since) || !isWhole(limit) || Math.abs(since) > 8.64e15) {
      return { ok: false, reason: 'UnableToReplayMessages: Replay params are not valid' };
    }
    replay = { since, limit: Math.max(1, Math.min(limit, replayMost)) };
  }
  const changes = config['postgres_changes'];
  const key = presence['key'];
  const token = join['access_token'] ?? join['user_token'];
  return {
    ok: true,
    config: {
      isPrivate,
      ack: flag(broadcast['ack']),
      self: flag(broadcast['self']),
      replay,
      replicationReady: flag(broadcast['replication_ready']),
      presence: {
        enabled: flag(presence['enabled']),
        key: (typeof key === 'string' && key !== '') || typeof key === 'number' ? String(key) : null,
      },
      postgresChanges: Array.isArray(changes)
        ? changes.filter((one) => typeof one === 'object' && one !== null && !Array.isArray(one))
        : [],
      accessToken: typeof token === 'string' && token !== '' ? token : null,
    },
  };
}

export function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

function flag(value: unknown): boolean {
  return value === true || (typeof value === 'string' && value.toLowerCase() === 'true');
}

function isWhole(value: unknown): value is number {
  return Number.isInteger(value);
}
