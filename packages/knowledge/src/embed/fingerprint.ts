// What tells two embedding models apart, whatever they are called: what they answer to three fixed texts.
//
// The three vectors, each of norm 1, are projected with fixed signs to 64 numbers and kept as bytes. Vectors of unrelated models have
// a cosine near 0 there; those of one model served twice (other hardware, half precision) above 0.99.
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { crc32 } from '@cogo/spec/hash_embedding.ts';
import type { Embedder } from './embedder.ts';

const PROBES = [
  'The worker renews its lease every ten seconds until the job is finished.',
  'function retryAfter(header: string | null): number | undefined',
  '작업자는 작업이 끝날 때까지 십 초마다 임대를 갱신한다.',
];
const VERSION = 'probe-1';
const SKETCH = 64;
const SAME = 0.99;

/**
 * Asks a model the probes. Returns `probe-1:<dims>:<sketch>`.
 * Errors: what the embedder fails with; `provider_error` when it cannot embed a probe, or answers two of them alike.
 */
export async function probeModel(embedder: Embedder, signal?: AbortSignal): Promise<Result<string>> {
  const answer = await embedder.embed(PROBES, { kind: 'document', signal });
  if (!answer.ok) return answer;
  const vectors: Float32Array[] = [];
  for (const one of answer.value) {
    if (!one.ok)
      return failure(one.error.code, `The probe failed: ${one.error.message}`, { retryable: false });
    vectors.push(one.vector);
  }
  if (cosine(vectors[0]!, vectors[1]!) > 0.9999) {
    return failure('provider_error', `${embedder.name} gives different texts the same vector.`, {
      retryable: false,
    });
  }
  const bytes = vectors.flatMap((vector) => sketch(vector));
  return ok(`${VERSION}:${embedder.dims}:${btoa(String.fromCharCode(...bytes))}`);
}

/** Whether two fingerprints are of one model. */
export function isSameModel(a: string, b: string): boolean {
  const [left, right] = [parse(a), parse(b)];
  if (!left || !right) return a === b;
  return left.dims === right.dims && cosine(left.values, right.values) >= SAME;
}

function sketch(vector: Float32Array): number[] {
  const sums = new Float64Array(SKETCH);
  vector.forEach((value, at) => {
    for (let slot = 0; slot < SKETCH; slot += 1) sums[slot]! += sign(at, slot) * value;
  });
  const largest = Math.max(...sums.map(Math.abs), 1e-12);
  return [...sums].map((value) => Math.round((value / largest) * 127) + 128);
}

function sign(at: number, slot: number): number {
  return (crc32(`${at}/${slot >> 5}`) >>> (slot & 31)) & 1 ? 1 : -1;
}

function parse(fingerprint: string): { dims: string; values: Float32Array } | undefined {
  const [version, dims, text] = fingerprint.split(':');
  if (version !== VERSION || dims === undefined || text === undefined) return undefined;
  try {
    const bytes = atob(text);
    return { dims, values: Float32Array.from(bytes, (byte) => byte.charCodeAt(0) - 128) };
  } catch {
    return undefined;
  }
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [dot, left, right] = [0, 0, 0];
  for (let i = 0; i < a.length; i += 1) {
    dot += a[i]! * (b[i] ?? 0);
    left += a[i]! ** 2;
  }
  for (const value of b) right += value ** 2;
  return dot / Math.sqrt(left * right || 1);
}
