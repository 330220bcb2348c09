/** Counts since the gateway started; `sockets`, `channels` and `topics` are how many there are now. */
export interface Stats {
  sockets: number;
  channels: number;
  topics: number;
  /** Connections refused at the handshake. */
  refused: number;
  /** Frames from clients and to them. */
  received: number;
  sent: number;
  malformed: number;
  joinsRefused: number;
  /** Sockets closed because they did not read. */
  slowClosed: number;
  /** Messages of the database that were handed on. */
  fromDatabase: number;
}

export function newStats(): Stats {
  return {
    sockets: 0,
    channels: 0,
    topics: 0,
    refused: 0,
    received: 0,
    sent: 0,
    malformed: 0,
    joinsRefused: 0,
    slowClosed: 0,
    fromDatabase: 0,
  };
}
