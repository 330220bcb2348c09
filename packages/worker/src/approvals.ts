import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import type { ClaimedJob } from './client/worker_link.ts';
import type { Clock } from './clock.ts';

/** What the owner of the machine said about one job. */
export interface Answer {
  approved: boolean;
  reason: string | null;
}

/** A job that waits for its owner. */
export interface Asked {
  jobId: string;
  type: string;
  attempt: number;
  /** ISO 8601, UTC. */
  since: string;
  payload: unknown;
}

/** Asks the owner of the machine about a job; null when `signal` aborts first. */
export interface Approvals {
  ask(job: ClaimedJob, clock: Clock, signal: AbortSignal): Promise<Answer | null>;
}

/** How often a question looks for its answer. */
const LOOK_MS = 500;
const KEEP_MS = 7 * 24 * 3_600_000;
const ID = /^[0-9a-zA-Z][0-9a-zA-Z-]{0,63}$/;

/**
 * Questions and answers as files of a folder, so that `cogo-work approve` reaches a worker that runs. An answer is for
 * the job: a later attempt of it is not asked about again. Answers are kept a week.
 */
export function folderApprovals(dir: string): Approvals {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(dir)) {
    // Questions of a process that is gone; answers nobody can want any more.
    const path = join(dir, name);
    if (name.endsWith('.asked') || Date.now() - statSync(path).mtimeMs > KEEP_MS)
      rmSync(path, { force: true });
  }
  return {
    async ask(job, clock, signal) {
      if (!ID.test(job.jobId)) throw new Error('a job id must be a plain word');
      const question = join(dir, `${job.jobId}.asked`);
      const { jobId, type, attempt, payload } = job;
      let answer = readJson<Answer>(join(dir, `${jobId}.answer`));
      if (answer) return answer;
      const asked: Asked = { jobId, type, attempt, since: new Date().toISOString(), payload };
      put(question, asked);
      try {
        while (!answer && !signal.aborted) {
          await clock.sleep(LOOK_MS, signal);
          answer = readJson<Answer>(join(dir, `${jobId}.answer`));
        }
        return signal.aborted ? null : answer;
      } finally {
        rmSync(question, { force: true });
      }
    },
  };
}

/** The jobs that wait for an answer, the longest first. */
export function waiting(dir: string): Asked[] {
  let names: string[];
  try {
    names = readdirSync(dir);
  } catch {
    return [];
  }
  return names
    .filter((name) => name.endsWith('.asked'))
    .flatMap((name) => readJson<Asked>(join(dir, name)) ?? [])
    .sort((a, b) => a.since.localeCompare(b.since));
}

/** Answers for a job that waits. */
export function answer(dir: string, jobId: string, said: Answer): Result<Asked> {
  const open = waiting(dir);
  const asked = open.find((one) => one.jobId === jobId);
  if (!asked) {
    const those = open.length === 0 ? 'None does.' : `Waiting: ${open.map((one) => one.jobId).join(', ')}.`;
    return failure(
      'not_found',
      `No job ${JSON.stringify(jobId)} waits for approval on this machine. ${those}`,
    );
  }
  put(join(dir, `${jobId}.answer`), said);
  return ok(asked);
}

function put(path: string, value: unknown): void {
  writeFileSync(`${path}.new`, JSON.stringify(value), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

function readJson<T>(path: string): T | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch {
    return null;
  }
}
