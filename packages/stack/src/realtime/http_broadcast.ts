// Broadcasts over HTTP, as `channel.httpSend` and `send` on a channel that is not joined use them:
//   POST /realtime/v1/api/broadcast                        {messages: [{topic, event, payload, private?}]}    202
//   POST /realtime/v1/api/broadcast/{topic}/events/{event}?private=true    JSON, or application/octet-stream   202
// Source: supabase/realtime lib/realtime_web/controllers/broadcast_controller.ex, broadcast_single_controller.ex.
import type { ChannelServices } from './channel_place.ts';
import { identify, type Identity } from './identity.ts';
import { record } from './join_config.ts';
import { type Broadcast, broadcastPayload } from './wire.ts';

const BATCH = /^\/realtime\/v1\/api\/broadcast\/?$/;
const SINGLE = /^\/realtime\/v1\/api\/broadcast\/([^/]+)\/events\/([^/]+)\/?$/;

const CORS = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'POST, OPTIONS',
  'access-control-allow-headers': 'authorization, apikey, content-type, x-client-info',
};

/** One message of a request, checked but not yet allowed. */
interface Outgoing {
  topic: string;
  isPrivate: boolean;
  broadcast: Broadcast;
}

/** Undefined for a path that is none of Realtime's HTTP interface. Every other request gets an answer. */
export async function handleBroadcast(
  services: ChannelServices,
  req: Request,
): Promise<Response | undefined> {
  const url = new URL(req.url);
  const single = SINGLE.exec(url.pathname);
  if (!single && !BATCH.test(url.pathname)) return undefined;
  if (req.method === 'OPTIONS') return new Response(null, { status: 204, headers: CORS });
  if (req.method !== 'POST') return refuse(405, 'Broadcasts are sent with POST', { allow: 'POST, OPTIONS' });
  const identity = identityOf(services, req, url);
  if (!identity) return refuse(401, 'Unauthorized');
  const body = await readBody(req, 4 * services.limits.payloadBytes);
  if (!body) return refuse(413, `A request may have ${4 * services.limits.payloadBytes} bytes`);
  const parsed = single ? parseSingle(req, url, single, body) : parseBatch(body);
  if (typeof parsed === 'string') return refuse(422, parsed);
  if (parsed.some(({ broadcast }) => sizeOf(broadcast) > services.limits.payloadBytes)) {
    return refuse(
      422,
      `Payload size exceeds limit: a message may have ${services.limits.payloadBytes} bytes`,
    );
  }
  try {
    for (const topic of new Set(parsed.filter((one) => one.isPrivate).map((one) => one.topic))) {
      const granted = await services.db.checkTopic({
        topic,
        action: 'write',
        extensions: ['broadcast'],
        identity,
        headers: headersForPolicies(req),
      });
      // All or nothing: unlike hosted Supabase nothing is dropped silently.
      if (!granted.broadcast) {
        return refuse(
          403,
          `Unauthorized: You do not have permissions to write to this Channel topic: ${topic}`,
        );
      }
    }
  } catch (error) {
    services.log('error', 'realtime: a broadcast could not be authorised', {
      error: (error as Error).message,
    });
    return refuse(503, 'Realtime was unable to connect to the project database');
  }
  for (const { topic, isPrivate, broadcast } of parsed) services.hub.publish({ topic, isPrivate }, broadcast);
  return new Response(null, { status: 202, headers: CORS });
}

function parseBatch(body: Uint8Array): Outgoing[] | string {
  const messages = record(parseJson(body))['messages'];
  if (!Array.isArray(messages) || messages.length === 0) {
    return 'Expected {messages: [{topic, event, payload, private?}]}';
  }
  const outgoing: Outgoing[] = [];
  for (const [index, message] of messages.entries()) {
    const { topic, event, payload, private: isPrivate } = record(message);
    if (typeof topic !== 'string' || topic === '') return `messages[${index}].topic can't be blank`;
    if (typeof event !== 'string' || event === '') return `messages[${index}].event can't be blank`;
    if (typeof payload !== 'object' || payload === null)
      return `messages[${index}].payload has to be an object`;
    outgoing.push({
      topic,
      isPrivate: isPrivate === true || isPrivate === 'true',
      broadcast: { payload: broadcastPayload(event, JSON.stringify(payload)) },
    });
  }
  return outgoing;
}

function parseSingle(req: Request, url: URL, path: RegExpExecArray, body: Uint8Array): Outgoing[] | string {
  let topic: string;
  let event: string;
  try {
    [topic, event] = [decodeURIComponent(path[1]!), decodeURIComponent(path[2]!)];
  } catch {
    return 'The topic or the event is not URL encoded';
  }
  const isPrivate = url.searchParams.get('private') === 'true';
  const type = req.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type === 'application/octet-stream') {
    return [{ topic, isPrivate, broadcast: { binary: body, event, meta: null } }];
  }
  const payload = parseJson(body);
  if (payload === undefined) return 'The body is not JSON';
  return [{ topic, isPrivate, broadcast: { payload: broadcastPayload(event, JSON.stringify(payload)) } }];
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}

// The user's token counts before the key; a key in its place, as supabase-js sends it without a session, is a key.
function identityOf(services: ChannelServices, req: Request, url: URL): Identity | undefined {
  const bearer = /^bearer\s+(\S+)$/i.exec(req.headers.get('authorization') ?? '')?.[1];
  const token = bearer ?? req.headers.get('apikey') ?? url.searchParams.get('apikey');
  if (!token) return undefined;
  const identified = identify(token, services.credentials, services.now());
  return identified.ok ? identified.identity : undefined;
}

/** `x-…` headers, lower case. */
export function headersForPolicies(req: Request): Record<string, string> {
  return Object.fromEntries([...req.headers].filter(([name]) => name.startsWith('x-')));
}

function sizeOf(broadcast: Broadcast): number {
  return 'payload' in broadcast ? Buffer.byteLength(broadcast.payload) : broadcast.binary.length;
}

/** Undefined when there are more bytes than that. */
async function readBody(req: Request, most: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of req.body ?? []) {
    size += (chunk as Uint8Array).length;
    if (size > most) return undefined;
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks);
}

function refuse(status: number, message: string, headers: Record<string, string> = {}): Response {
  return Response.json({ message }, { status, headers: { ...CORS, ...headers } });
}
