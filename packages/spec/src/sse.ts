// Server-sent events as COGO writes them: `id:`, `event:`, `data:` (one line of JSON), a blank line, LF only.
// The reader takes any conforming stream (https://html.spec.whatwg.org/multipage/server-sent-events.html).

export interface Frame {
  id?: string;
  event: string;
  /** Parsed JSON. */
  data: unknown;
}

/** A comment that keeps proxies from closing an idle stream; it is no event and is never recorded. */
export const PING = ': ping\n\n';

export function encodeFrame(frame: Frame): string {
  // JSON.stringify escapes CR and LF inside strings, so the data is always one line.
  const id = frame.id === undefined ? '' : `id: ${frame.id}\n`;
  return `${id}event: ${frame.event}\ndata: ${JSON.stringify(frame.data)}\n\n`;
}

export interface RawFrame {
  id?: string;
  event: string;
  data: string;
}

/**
 * Parses a stream fed in pieces cut anywhere in the text. Feed decoded text (TextDecoder with `stream: true`);
 * accepts LF, CR and CRLF line ends, several data lines, comments and a leading BOM. A frame without its closing
 * blank line is dropped, as the standard says.
 */
export class FrameParser {
  private rest = '';
  private atStart = true;
  private id: string | undefined;
  private event = '';
  private data: string[] = [];

  push(text: string): RawFrame[] {
    let input = this.rest + text;
    if (this.atStart && input.length > 0) {
      if (input.startsWith('\uFEFF')) input = input.slice(1);
      this.atStart = false;
    }
    const frames: RawFrame[] = [];
    let start = 0;
    for (let i = 0; i < input.length; i++) {
      const character = input[i];
      if (character !== '\n' && character !== '\r') continue;
      // A CR at the very end may be the first half of a CRLF: wait for what follows.
      if (character === '\r' && i + 1 === input.length) break;
      const frame = this.line(input.slice(start, i));
      if (frame !== undefined) frames.push(frame);
      if (character === '\r' && input[i + 1] === '\n') i++;
      start = i + 1;
    }
    this.rest = input.slice(start);
    return frames;
  }

  private line(line: string): RawFrame | undefined {
    if (line === '') return this.dispatch();
    const colon = line.indexOf(':');
    if (colon === 0) return undefined;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'event') this.event = value;
    else if (field === 'data') this.data.push(value);
    else if (field === 'id' && !value.includes('\0')) this.id = value;
    return undefined;
  }

  private dispatch(): RawFrame | undefined {
    const { event, data } = this;
    this.event = '';
    this.data = [];
    if (data.length === 0) return undefined;
    const frame: RawFrame = { event: event === '' ? 'message' : event, data: data.join('\n') };
    if (this.id !== undefined) frame.id = this.id;
    return frame;
  }
}

/** All frames of a whole recorded stream, data parsed as JSON. Throws SyntaxError when a frame holds no JSON. */
export function parseFrames(text: string): Frame[] {
  return new FrameParser().push(text).map(({ id, event, data }) => ({
    ...(id === undefined ? {} : { id }),
    event,
    data: JSON.parse(data) as unknown,
  }));
}

/** Frames of a response body as they arrive. */
export async function* readFrames(body: ReadableStream<Uint8Array>): AsyncGenerator<RawFrame> {
  const parser = new FrameParser();
  const decoder = new TextDecoder();
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    yield* parser.push(decoder.decode(chunk, { stream: true }));
  }
}

/**
 * What remains of a recorded stream after the frame `lastId`, byte for byte; the whole when `lastId` is not in it.
 * The record is our own encoding, so a blank line always ends a frame.
 */
export function framesAfter(recorded: string, lastId: string): string {
  const marker = `id: ${lastId}\n`;
  let at = recorded.startsWith(marker) ? 0 : recorded.indexOf(`\n\n${marker}`);
  if (at < 0) return recorded;
  if (at > 0) at += 2;
  const end = recorded.indexOf('\n\n', at);
  return end < 0 ? '' : recorded.slice(end + 2);
}
