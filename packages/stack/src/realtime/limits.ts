/** What one gateway grants. Sizes in bytes, times in milliseconds. Hosted values from supabase.com/docs/guides/realtime/limits. */
export interface Limits {
  /** A broadcast's or a presence's payload; 256 KB as on hosted Supabase. */
  payloadBytes: number;
  /** A whole frame; a larger one ends the connection (close code 1009). */
  frameBytes: number;
  sockets: number;
  /** As on hosted Supabase. */
  channelsPerSocket: number;
  joinsPerSecond: number;
  /** Broadcasts and the like from one socket; above it the channel is closed. */
  messagesPerSecond: number;
  presencePerSecond: number;
  /** Frames of one socket that wait for the database; above it the socket is closed. */
  waitingFrames: number;
  /** Unsent bytes of one socket; a client that reads slower is closed with 1013. */
  bufferedBytes: number;
  /** A socket that says nothing this long is closed; supabase-js beats every 25 s. */
  idleMs: number;
  /** Frames that are no messages, in one socket's life. */
  malformedFrames: number;
  /** Messages of one replay, at most; as on hosted Supabase. */
  replay: number;
  topicBytes: number;
}

export const LIMITS: Limits = {
  payloadBytes: 256 * 1024,
  frameBytes: 1024 * 1024,
  sockets: 2000,
  channelsPerSocket: 100,
  joinsPerSecond: 100,
  messagesPerSecond: 1000,
  presencePerSecond: 20,
  waitingFrames: 1000,
  bufferedBytes: 4 * 1024 * 1024,
  idleMs: 60_000,
  malformedFrames: 20,
  replay: 25,
  topicBytes: 1024,
};

/** A bucket that holds one second's worth. Pure but for its own counter; `now` in milliseconds. */
export interface Bucket {
  take(now: number): boolean;
}

export function bucket(perSecond: number, start: number): Bucket {
  let tokens = perSecond;
  let at = start;
  return {
    take(now) {
      tokens = Math.min(perSecond, tokens + (Math.max(0, now - at) * perSecond) / 1000);
      at = now;
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
  };
}
