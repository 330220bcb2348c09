// The request body: counted while it arrives, never read past the limit, then JSON a database can hold.
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { jsonErrorOffset, lineAndColumn } from './json_position.ts';

const MAX_DEPTH = 64;

/**
 * So many limits' worth of a body without a length is read and thrown away once it is too large. A server that answers and hangs up
 * while its caller still writes resets the connection, and the caller may never see the answer.
 */
const DISCARDED = 8;

/** Keeps at most `limit` bytes. A body that says or turns out to be larger is refused. */
export async function readBody(request: Request, limit: number): Promise<Result<Uint8Array>> {
  const declared = Number(request.headers.get('content-length') ?? 0);
  if (declared > limit) {
    await request.body?.cancel().catch(() => {});
    return tooLarge(limit);
  }
  if (request.body === null) return ok(new Uint8Array());
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = request.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      size += value.byteLength;
      if (size <= limit) chunks.push(value);
      else if (size > DISCARDED * limit) {
        await reader.cancel().catch(() => {});
        return tooLarge(limit);
      } else chunks.length = 0;
    }
  } catch {
    return failure('aborted', 'The connection ended before the whole body had arrived.');
  }
  if (size > limit) return tooLarge(limit);
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return ok(whole);
}

function tooLarge(limit: number): Result<never> {
  return failure(
    'payload_too_large',
    `The body is larger than the limit of ${limit} bytes. Send less at a time.`,
    {
      details: { limit_bytes: limit },
    },
  );
}

/** The JSON value of a body. `contentType` absent is taken as JSON. */
export function parseJsonBody(bytes: Uint8Array, contentType: string | null): Result<unknown> {
  const type = (contentType ?? 'application/json').split(';')[0]!.trim().toLowerCase();
  if (type !== 'application/json' && !/^application\/[a-z0-9.+-]+\+json$/.test(type)) {
    return failure(
      'unsupported_media_type',
      'The body must be JSON. Send it with Content-Type: application/json.',
    );
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return failure('invalid_json', 'The body is not valid UTF-8, which JSON must be.');
  }
  if (text.trim() === '') return failure('invalid_json', 'The body is empty; a JSON object was expected.');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const offset = jsonErrorOffset(text);
    const { line, column } = lineAndColumn(text, offset);
    return failure('invalid_json', `The body is not JSON: error at line ${line}, column ${column}.`, {
      details: { offset, line, column },
    });
  }
  return checkStorable(value);
}

// What is JSON and yet no jsonb: NUL and half surrogate pairs. And nesting that would exhaust a stack further on.
function checkStorable(root: unknown): Result<unknown> {
  const open: { value: unknown; path: (string | number)[] }[] = [{ value: root, path: [] }];
  const refuse = (path: (string | number)[], message: string) =>
    failure('validation_failed', `The body has ${message}.`, {
      details: { in: 'body', issues: [{ path, message, code: 'custom' }] },
    });
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, path } = next;
    if (typeof value === 'string' && !isStorableText(value)) {
      return refuse(path, 'a NUL character or half a surrogate pair, which no database text holds');
    }
    if (typeof value !== 'object' || value === null) continue;
    if (path.length >= MAX_DEPTH) return refuse(path, `values nested deeper than ${MAX_DEPTH} levels`);
    if (Array.isArray(value)) {
      for (let i = value.length - 1; i >= 0; i--) {
        const item: unknown = value[i];
        if (typeof item === 'object' || typeof item === 'string')
          open.push({ value: item, path: [...path, i] });
      }
      continue;
    }
    for (const [key, member] of Object.entries(value)) {
      if (!isStorableText(key)) return refuse(path, 'a key with a NUL character or half a surrogate pair');
      if (typeof member === 'object' || typeof member === 'string') {
        open.push({ value: member, path: [...path, key] });
      }
    }
  }
  return ok(root);
}

const LONE_SURROGATE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;

function isStorableText(text: string): boolean {
  return !text.includes('\0') && !LONE_SURROGATE.test(text);
}
