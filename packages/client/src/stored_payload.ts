import type { PayloadRef } from '@cogo/spec/payload_ref.ts';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { sha256Hex } from '@cogo/spec/sha256.ts';
import type { ArtifactStore, StoreCall } from './artifact_store.ts';

/** What `enqueue` takes of a payload, in bytes of JSON (`sql/jobs/230_fn_plan_jobs.sql`). */
export const INLINE_BYTES = 131_072;
/** What a worker reads of a payload in Storage. */
export const STORED_BYTES = 32 * 1024 * 1024;

/**
 * The payload to enqueue: itself when it fits a row, else a reference, after it was uploaded. What was uploaded and never
 * enqueued is deleted after a day (`sql/jobs/466_fn_due_objects.sql`). Errors: `payload_too_large` over `STORED_BYTES`, else those of the store.
 */
export async function storePayload(
  store: ArtifactStore,
  projectId: string,
  payload: unknown,
  o: StoreCall = {},
): Promise<Result<unknown>> {
  const bytes = new TextEncoder().encode(JSON.stringify(payload ?? null));
  // Postgres counts jsonb, which may be a little larger than the text: what is near the limit goes to Storage.
  if (bytes.length <= INLINE_BYTES * 0.9) return ok(payload);
  if (bytes.length > STORED_BYTES) {
    return failure(
      'payload_too_large',
      `The payload has ${bytes.length} bytes, allowed are ${STORED_BYTES}.`,
    );
  }
  const path = `payloads/${projectId}/${crypto.randomUUID()}.json`;
  const put = await store.put(path, bytes, 'application/json', o);
  if (!put.ok) return put;
  const ref: PayloadRef = { payload_ref: { path, sha256: await sha256Hex(bytes), bytes: bytes.length } };
  return ok(ref);
}

/**
 * The payload a reference stands for, after its size and hash were checked. Only of the job's own project.
 * Errors: `validation_failed` (malformed, foreign, changed), `not_found`, those of the store.
 */
export async function loadPayload(
  store: ArtifactStore,
  projectId: string,
  payload: { payload_ref: unknown },
  o: StoreCall = {},
): Promise<Result<unknown>> {
  const { path, sha256: hash, bytes } = (payload.payload_ref ?? {}) as Record<string, unknown>;
  if (typeof path !== 'string' || typeof hash !== 'string' || !Number.isInteger(bytes)) {
    return failure('validation_failed', 'payload_ref must be {path, sha256, bytes}.');
  }
  if (!path.startsWith(`payloads/${projectId}/`)) {
    return failure(
      'validation_failed',
      'payload_ref.path must lie below payloads/ of the job’s own project.',
    );
  }
  if ((bytes as number) > STORED_BYTES) {
    return failure('validation_failed', `The payload has ${bytes} bytes, allowed are ${STORED_BYTES}.`);
  }
  const got = await store.get(path, bytes as number, o);
  if (!got.ok) return got.error.code === 'payload_too_large' ? changed(path) : got;
  if (got.value.length !== bytes || (await sha256Hex(got.value)) !== hash) return changed(path);
  try {
    return ok(JSON.parse(new TextDecoder().decode(got.value)) as unknown);
  } catch {
    return failure('validation_failed', `${path} is no JSON.`);
  }
}

/** Loads the payload of a claimed job from this store; undefined where there is none. */
export function payloadLoader(store: ArtifactStore | null | undefined) {
  if (!store) return undefined;
  return (job: { projectId: string; payload: unknown }, signal: AbortSignal): Promise<Result<unknown>> =>
    loadPayload(store, job.projectId, job.payload as { payload_ref: unknown }, { signal });
}

function changed(path: string): Result<never> {
  return failure('validation_failed', `${path} is not what was enqueued: its size or SHA-256 differs.`);
}
