// Every answer a test sees is held against the schemas the OpenAPI document is made from.
import assert from 'node:assert/strict';
import type { Operation } from '@cogo/spec/operation.ts';
import { failureEnvelope, type FailureEnvelope } from '@cogo/spec/envelope.ts';
import { parseFrames, type Frame } from '@cogo/spec/sse.ts';

type Described = Pick<Operation, 'response' | 'events'>;

/** The JSON of a success, checked against the operation's response schema. */
export async function okJson<T = Record<string, unknown>>(
  operation: Described,
  response: Response,
): Promise<T> {
  const value: unknown = await response.json();
  assert.ok(response.ok, `${response.status} ${JSON.stringify(value)}`);
  const parsed = operation.response.safeParse(value);
  assert.ok(parsed.success, JSON.stringify(parsed.error?.issues));
  return value as T;
}

/** The envelope of a failure with the status its slug has. */
export async function failedJson(response: Response, status: number, code: string): Promise<FailureEnvelope> {
  const value = failureEnvelope.parse(await response.json());
  assert.deepEqual([response.status, value.code], [status, code], value.message);
  return value as FailureEnvelope;
}

export interface Recorded {
  text: string;
  frames: Frame[];
  /** Event names, runs of the same folded: `meta rag.item* rag.done`. */
  order: string;
}

/** A whole stream, every frame checked against the schema of its event. */
export async function readStream(operation: Described, response: Response): Promise<Recorded> {
  assert.equal(response.headers.get('content-type'), 'text/event-stream');
  const text = await response.text();
  const frames = parseFrames(text);
  for (const frame of frames) checkFrame(operation, frame);
  return { text, frames, order: fold(frames.map((frame) => frame.event)) };
}

export function checkFrame(operation: Described, frame: Frame): void {
  const schema = operation.events?.[frame.event];
  assert.ok(schema, `no schema for the event ${frame.event}`);
  const parsed = schema.safeParse(frame.data);
  assert.ok(parsed.success, `${frame.event}: ${JSON.stringify(parsed.error?.issues)}`);
}

function fold(names: string[]): string {
  const out: string[] = [];
  for (const name of names) {
    const last = out.at(-1);
    if (last === name) out[out.length - 1] = `${name}*`;
    else if (last !== `${name}*`) out.push(name);
  }
  return out.join(' ');
}

/** Data of the frames of one event. */
export function dataOf<T = Record<string, unknown>>(frames: Frame[], event: string): T[] {
  return frames.filter((frame) => frame.event === event).map((frame) => frame.data as T);
}
