// The Phoenix wire as supabase-js speaks it: frames in, frames out, nothing else.
//   vsn 1.0.0  text  {topic, event, payload, ref, join_ref}
//   vsn 2.0.0  text  [join_ref, ref, topic, event, payload]
//              binary, to the server    kind 3: 3 joinRef ref topic event meta sizes, encoding (0 binary, 1 JSON), the five, body
//              binary, to the client    kind 4: 4 topic event meta sizes, encoding, the three, body
// Source: @supabase/realtime-js lib/serializer; supabase/realtime lib/realtime_web/socket/v2_serializer.ex.

export type Vsn = '1.0.0' | '2.0.0';

/** Echoed as it came: most clients send strings, some numbers. */
export type Ref = string | number | null;

/** What a client sent. `body` is set for a binary push: then `event` is `broadcast` and `payload` the parsed body, if JSON. */
export interface Frame {
  joinRef: Ref;
  ref: Ref;
  topic: string;
  event: string;
  payload: unknown;
  body?: { event: string; encoding: 'json' | 'binary'; bytes: Uint8Array };
}

export type Decoded =
  | { ok: true; frame: Frame }
  | { ok: false; reason: string; joinRef: Ref; ref: Ref; topic: string };

/** A broadcast on its way out. `payload` is the JSON text of the whole message: `{type, event, payload, meta?}`. */
export type Broadcast =
  | { payload: string }
  | { binary: Uint8Array; event: string; meta: Record<string, unknown> | null };

/** Payload of a `broadcast` message around a JSON text that is known to be valid. */
export function broadcastPayload(event: string, json: string, meta?: Record<string, unknown>): string {
  const tail = meta ? `,"meta":${JSON.stringify(meta)}` : '';
  return `{"type":"broadcast","event":${JSON.stringify(event)},"payload":${json}${tail}}`;
}

/** `payload` is JSON text. */
export function encodeMessage(
  vsn: Vsn,
  message: { joinRef?: Ref; ref?: Ref; topic: string; event: string; payload: string },
): string {
  const { joinRef = null, ref = null, topic, event, payload } = message;
  const j = JSON.stringify;
  return vsn === '1.0.0'
    ? `{"topic":${j(topic)},"event":${j(event)},"payload":${payload},"ref":${j(ref)},"join_ref":${j(joinRef)}}`
    : `[${j(joinRef)},${j(ref)},${j(topic)},${j(event)},${payload}]`;
}

/** Undefined where the version cannot carry it: bytes need vsn 2.0.0 and names of at most 255 bytes. */
export function encodeBroadcast(
  vsn: Vsn,
  topic: string,
  broadcast: Broadcast,
): string | Uint8Array | undefined {
  if ('payload' in broadcast) {
    return encodeMessage(vsn, { topic, event: 'broadcast', payload: broadcast.payload });
  }
  if (vsn === '1.0.0') return undefined;
  const names = [topic, broadcast.event, broadcast.meta ? JSON.stringify(broadcast.meta) : ''].map((text) =>
    Buffer.from(text),
  );
  if (names.some((bytes) => bytes.length > 255)) return undefined;
  return Buffer.concat([
    Uint8Array.of(4, ...names.map((bytes) => bytes.length), 0),
    ...names,
    broadcast.binary,
  ]);
}

export function decodeFrame(vsn: Vsn, data: Uint8Array, binary: boolean): Decoded {
  if (binary) {
    return vsn === '2.0.0' ? decodeBinary(data) : refuse('Binary frames need vsn=2.0.0');
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(data));
  } catch {
    return refuse('The frame is not JSON');
  }
  const fields = vsn === '1.0.0' ? fieldsOfObject(value) : fieldsOfArray(value);
  if (!fields) {
    return refuse(
      vsn === '1.0.0'
        ? 'Expected an object {topic, event, payload, ref, join_ref}'
        : 'Expected an array [join_ref, ref, topic, event, payload]',
    );
  }
  const [joinRef, ref, topic, event, payload] = fields;
  const known = { joinRef: asRef(joinRef), ref: asRef(ref), topic: typeof topic === 'string' ? topic : '' };
  if (!isRef(joinRef) || !isRef(ref)) return refuse('join_ref and ref are strings, numbers or null', known);
  if (typeof topic !== 'string' || topic === '') return refuse('topic is a string', known);
  if (typeof event !== 'string' || event === '') return refuse('event is a string', known);
  return { ok: true, frame: { ...known, event, payload: payload ?? {} } };
}

function decodeBinary(data: Uint8Array): Decoded {
  if (data[0] !== 3) return refuse(`Binary frames of kind ${data[0] ?? 'none'} are not understood`);
  if (data.length < 7) return refuse('The binary frame ends within its header');
  const sizes = data.subarray(1, 6);
  const encoding = data[6];
  let at = 7;
  const parts: string[] = [];
  for (const size of sizes) {
    if (at + size > data.length) return refuse('The binary frame ends within its header');
    parts.push(new TextDecoder().decode(data.subarray(at, at + size)));
    at += size;
  }
  const [joinRef, ref, topic, event] = parts as [string, string, string, string, string];
  const known = { joinRef: joinRef || null, ref: ref || null, topic };
  if (topic === '') return refuse('topic is a string', known);
  if (encoding !== 0 && encoding !== 1)
    return refuse('The payload encoding is 0 (binary) or 1 (JSON)', known);
  const bytes = data.slice(at);
  let payload: unknown = null;
  if (encoding === 1) {
    try {
      payload = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    } catch {
      return refuse('The payload is not JSON', known);
    }
  }
  const body = { event, encoding: encoding === 1 ? ('json' as const) : ('binary' as const), bytes };
  return { ok: true, frame: { ...known, event: 'broadcast', payload, body } };
}

function refuse(reason: string, known: Partial<Pick<Frame, 'joinRef' | 'ref' | 'topic'>> = {}): Decoded {
  return { ok: false, reason, joinRef: null, ref: null, topic: 'phoenix', ...known };
}

function fieldsOfObject(value: unknown): unknown[] | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const { join_ref, ref, topic, event, payload } = value as Record<string, unknown>;
  return [join_ref, ref, topic, event, payload];
}

function fieldsOfArray(value: unknown): unknown[] | undefined {
  return Array.isArray(value) && value.length >= 5 ? value : undefined;
}

function isRef(value: unknown): boolean {
  return value === null || value === undefined || typeof value === 'string' || typeof value === 'number';
}

function asRef(value: unknown): Ref {
  return typeof value === 'string' || typeof value === 'number' ? value : null;
}

/** What a client's push becomes. A binary push is rebuilt around its body, a text one goes on as it is. */
export function broadcastOf(frame: Frame): Broadcast {
  const { body } = frame;
  if (!body) return { payload: JSON.stringify(frame.payload) };
  if (body.encoding === 'binary') return { binary: body.bytes, event: body.event, meta: null };
  return { payload: broadcastPayload(body.event, JSON.stringify(frame.payload)) };
}
