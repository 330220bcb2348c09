import { isUtf8 } from 'node:buffer';

export interface CapturedOutput {
  /** The kept part, decoded; bytes that are no UTF-8 became U+FFFD. */
  text: string;
  /** Everything the command wrote. */
  bytes: number;
  /** Bytes that were not kept. */
  dropped: number;
  invalidUtf8: boolean;
}

/**
 * Keeps the first `headBytes` and the last `tailBytes` of a stream in bounded memory, however long it is and in
 * however small pieces it comes.
 */
export class OutputCapture {
  readonly #headCap: number;
  readonly #tailCap: number;
  #head = Buffer.alloc(0);
  #ring = Buffer.alloc(0);
  /** Where the next byte goes, once the ring has its full size. */
  #at = 0;
  #ringLength = 0;
  #bytes = 0;
  #invalid = false;
  #carry = Buffer.alloc(0);

  constructor(caps: { headBytes: number; tailBytes: number }) {
    this.#headCap = caps.headBytes;
    this.#tailCap = caps.tailBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (!this.#invalid) this.#check(chunk);
    let rest = chunk;
    const room = this.#headCap - this.#head.length;
    if (room > 0) {
      this.#head = Buffer.concat([this.#head, rest.subarray(0, room)]);
      rest = rest.subarray(room);
    }
    if (rest.length > 0) this.#pushTail(rest);
  }

  #pushTail(chunk: Buffer): void {
    const last = chunk.length > this.#tailCap ? chunk.subarray(chunk.length - this.#tailCap) : chunk;
    this.#grow(this.#ringLength + last.length);
    const first = Math.min(last.length, this.#ring.length - this.#at);
    last.copy(this.#ring, this.#at, 0, first);
    last.copy(this.#ring, 0, first);
    this.#at = this.#ring.length === 0 ? 0 : (this.#at + last.length) % this.#ring.length;
    this.#ringLength = Math.min(this.#ring.length, this.#ringLength + last.length);
  }

  #grow(needed: number): void {
    if (needed <= this.#ring.length || this.#ring.length === this.#tailCap) return;
    const size = Math.min(this.#tailCap, Math.max(needed, this.#ring.length * 2, 4096));
    const bigger = Buffer.alloc(size);
    const kept = this.#tail();
    kept.copy(bigger);
    this.#ring = bigger;
    this.#ringLength = kept.length;
    this.#at = kept.length % size;
  }

  #tail(): Buffer {
    if (this.#ringLength < this.#ring.length) return this.#ring.subarray(0, this.#ringLength);
    return Buffer.concat([this.#ring.subarray(this.#at), this.#ring.subarray(0, this.#at)]);
  }

  /** A character may be split between two chunks: the unfinished end waits for the next one. */
  #check(chunk: Buffer): void {
    const data = this.#carry.length > 0 ? Buffer.concat([this.#carry, chunk]) : chunk;
    const end = data.length - unfinished(data);
    if (!isUtf8(data.subarray(0, end))) this.#invalid = true;
    this.#carry = Buffer.from(data.subarray(end));
  }

  /** What was kept, byte for byte, with a line where something was left out. */
  bytesKept(): Buffer {
    const tail = this.#tail();
    const gap = this.#bytes - this.#head.length - tail.length;
    const mark = gap > 0 && this.#head.length > 0 ? [Buffer.from(`\n[… ${gap} bytes left out …]\n`)] : [];
    return Buffer.concat([this.#head, ...mark, tail]);
  }

  /** @param tailBytes take at most this much of the end (default: all that was kept) */
  read(tailBytes = Number.POSITIVE_INFINITY): CapturedOutput {
    const invalidUtf8 = this.#invalid || this.#carry.length > 0;
    const tail = this.#tail();
    const gap = this.#bytes - this.#head.length - tail.length;
    const whole = gap > 0 ? null : Buffer.concat([this.#head, tail]);
    const size = whole ? whole.length : this.#head.length + tail.length;
    if (tailBytes < size) {
      const end = whole ?? tail;
      const kept = fromCharacter(end.subarray(Math.max(0, end.length - tailBytes)));
      return {
        text: kept.toString('utf8'),
        bytes: this.#bytes,
        dropped: this.#bytes - kept.length,
        invalidUtf8,
      };
    }
    if (whole) return { text: whole.toString('utf8'), bytes: this.#bytes, dropped: 0, invalidUtf8 };
    const head = this.#head.subarray(0, this.#head.length - unfinished(this.#head));
    const end = fromCharacter(tail);
    const dropped = this.#bytes - head.length - end.length;
    const mark = head.length > 0 ? `\n[… ${dropped} bytes left out …]\n` : '';
    return {
      text: head.toString('utf8') + mark + end.toString('utf8'),
      bytes: this.#bytes,
      dropped,
      invalidUtf8,
    };
  }
}

/** How many bytes at the end begin a character that is not complete yet (0 to 3). */
function unfinished(data: Buffer): number {
  for (let back = 1; back <= Math.min(3, data.length); back++) {
    const byte = data[data.length - back]!;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0;
  }
  return 0;
}

/** Drops the rest of a character that was cut in two at the front. */
function fromCharacter(data: Buffer): Buffer {
  let start = 0;
  while (start < Math.min(3, data.length) && (data[start]! & 0xc0) === 0x80) start++;
  return data.subarray(start);
}
