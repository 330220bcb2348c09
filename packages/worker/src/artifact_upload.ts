import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArtifactStore } from '@cogo/client/artifact_store.ts';
import { cogoError, type CogoError } from '@cogo/spec/errors.ts';
import { err, ok, type Result } from '@cogo/spec/result.ts';
import type { Artifact } from './artifacts.ts';
import { backoffMs } from './backoff.ts';
import type { Executor, JobContext } from './executors/executor.ts';

/** What a result says about the upload of its artifacts. */
export interface Upload {
  state: 'stored' | 'failed';
  /** Why artifacts are only on the worker's machine; null when all are in Storage. */
  message: string | null;
}

const TRIES = 4;
/** One transfer; then the next try. */
const PUT_MS = 20_000;

/**
 * The executor, with the artifacts of its results uploaded before they are reported. A Storage that is away costs the
 * upload, never the result: the local copy stays, and the result says where each file is.
 */
export function withUpload(
  executor: Executor,
  o: { store: ArtifactStore; artifactsDir: string; random?: () => number },
): Executor {
  return {
    type: executor.type,
    async run(job, context) {
      const outcome = await executor.run(job, context);
      if (outcome.kind !== 'finished' || context.signal.aborted) return outcome;
      const result = outcome.result as { artifacts?: Artifact[] } | null;
      if (!result || !Array.isArray(result.artifacts) || result.artifacts.length === 0) return outcome;
      context.progress({ step: 'upload' });
      const own = `jobs/${job.jobId}/${job.attempt}/`;
      const artifacts: Artifact[] = [];
      const problems: CogoError[] = [];
      for (const artifact of result.artifacts) {
        // After one that Storage did not take for its own reasons, the next would only wait as long.
        const away = problems.find((problem) => problem.retryable);
        const got = away ? err(away) : await upload(o, own, artifact, context);
        if (!got.ok) problems.push(got.error);
        artifacts.push(got.ok ? { ...artifact, store: 'storage' } : artifact);
      }
      const [problem] = problems;
      if (problem) {
        context.log('warn', `artifacts stay on this machine: ${problem.message}`, { job_id: job.jobId });
      }
      const said: Upload = { state: problem ? 'failed' : 'stored', message: problem?.message ?? null };
      return { kind: 'finished', result: { ...result, artifacts, upload: said } };
    },
  };
}

async function upload(
  o: { store: ArtifactStore; artifactsDir: string; random?: () => number },
  own: string,
  artifact: Artifact,
  context: JobContext,
): Promise<Result<void>> {
  if (
    !artifact.path.startsWith(own) ||
    artifact.path.split('/').some((word) => word === '..' || word === '')
  ) {
    return err(cogoError('forbidden', `${JSON.stringify(artifact.path)} is no artifact of this attempt.`));
  }
  const bytes = await readPlain(join(o.artifactsDir, artifact.path));
  if (!bytes.ok) return bytes;
  if (createHash('sha256').update(bytes.value).digest('hex') !== artifact.sha256) {
    return err(
      cogoError('internal', `${artifact.path} changed before it was uploaded.`, { retryable: false }),
    );
  }
  for (let attempt = 0; ; attempt++) {
    const signal = AbortSignal.any([context.signal, AbortSignal.timeout(PUT_MS)]);
    const got = await o.store.put(artifact.path, bytes.value, artifact.mime, { signal });
    if (got.ok || !got.error.retryable || context.signal.aborted || attempt + 1 >= TRIES) return got;
    await context.clock.sleep(backoffMs(attempt, o.random ?? Math.random, 500, 4_000), context.signal);
  }
}

/** A regular file's bytes; a link is refused. */
async function readPlain(path: string): Promise<Result<Buffer>> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      return ok(await file.readFile());
    } finally {
      await file.close();
    }
  } catch (error) {
    const message = `an artifact cannot be read: ${(error as Error).message}`;
    return err(cogoError('internal', message, { retryable: false }));
  }
}
