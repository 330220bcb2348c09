// Reads what a Postgres server says as it passes by. Source: PostgreSQL documentation, "Message Formats".

export interface Notification {
  channel: string;
  payload: string;
}

export interface BackendError {
  severity: string;
  code: string;
  message: string;
}

export interface BackendEvents {
  /** ReadyForQuery: `I` idle, `T` in a transaction, `E` in a failed one. */
  ready?(status: string): void;
  notification?(notification: Notification): void;
  error?(error: BackendError): void;
}

const READY_FOR_QUERY = 0x5a;
const NOTIFICATION = 0x41;
const ERROR = 0x45;
const REPORTED = new Set([READY_FOR_QUERY, NOTIFICATION, ERROR]);
const HEADER = 5;

/** Feeds on chunks of the server's stream, cut anywhere; keeps only the bodies it reports. */
export function backendReader(events: BackendEvents): (chunk: Uint8Array) => void {
  let header = Buffer.alloc(0);
  let body: Buffer[] = [];
  let missing = 0;
  let type = 0;
  const finish = () => {
    if (type === READY_FOR_QUERY) events.ready?.(String.fromCharCode(Buffer.concat(body)[0]!));
    if (type === NOTIFICATION) events.notification?.(parseNotification(Buffer.concat(body)));
    if (type === ERROR) events.error?.(parseError(Buffer.concat(body)));
    header = Buffer.alloc(0);
    body = [];
  };
  return (chunk) => {
    let at = 0;
    while (at < chunk.length) {
      if (header.length < HEADER) {
        const taken = chunk.subarray(at, at + HEADER - header.length);
        header = Buffer.concat([header, taken]);
        at += taken.length;
        if (header.length < HEADER) return;
        type = header[0]!;
        missing = header.readInt32BE(1) - 4;
      }
      const taken = chunk.subarray(at, at + missing);
      if (REPORTED.has(type)) body.push(Buffer.from(taken));
      at += taken.length;
      missing -= taken.length;
      if (missing > 0) return;
      finish();
    }
  };
}

function parseNotification(body: Buffer): Notification {
  // Int32 pid, then two strings that end with a NUL.
  const endOfChannel = body.indexOf(0, 4);
  const endOfPayload = body.indexOf(0, endOfChannel + 1);
  return {
    channel: body.toString('utf8', 4, endOfChannel),
    payload: body.toString('utf8', endOfChannel + 1, endOfPayload),
  };
}

function parseError(body: Buffer): BackendError {
  // Fields: a letter and a string each, until a NUL.
  const fields: Record<string, string> = {};
  for (const field of body.toString('utf8').split('\0')) if (field) fields[field[0]!] = field.slice(1);
  return { severity: fields['V'] ?? fields['S'] ?? '', code: fields['C'] ?? '', message: fields['M'] ?? '' };
}
