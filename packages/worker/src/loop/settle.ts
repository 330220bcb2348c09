import type { Result } from '@cogo/spec/result.ts';
import type { Settled } from '../client/worker_link.ts';
import { backoffMs } from '../backoff.ts';
import type { Outcome } from '../executors/executor.ts';
import { CALL_MS, isFatal, type Core } from './core.ts';
import { NO_JOBS, type NextJobs } from './reports.ts';
import type { Slot } from './slots.ts';

/**
 * Reports what became of a slot, until an answer comes: a gateway that is away must not cost a result. A plain result goes with those
 * of other slots (see `Reports`); where that fails, and for all other outcomes, each goes alone.
 */
export async function settle(core: Core, slot: Slot, outcome: Outcome, ms: number): Promise<NextJobs> {
  const { link, clock, random, log } = core.setup;
  const { jobId, token } = slot.job;
  const stop = slot.stopped;
  if (stop === 'lost') {
    core.sum.lost++;
    log('warn', 'job stopped: its lease was lost', { job_id: jobId });
    return NO_JOBS;
  }
  // On shutdown all leases go back in one call, at once: see `handBack`.
  if (stop === 'shutdown') return NO_JOBS;
  // Last words: what a beat has not carried yet would be lost with the lease.
  const news = slot.takeNews();
  if (!stop && (news.progress !== undefined || news.log !== undefined)) {
    const sentAt = clock.now();
    const got = await core.call(CALL_MS, (signal) => link.beat([{ jobId, token, ...news }], { signal }));
    if (got.ok && got.value[0]?.verdict === 'ok') slot.acknowledged(sentAt);
  }
  let final = outcome;
  let { suspended } = slot;
  const children = slot.spawned.flatMap((spawned) => spawned.children);
  const finished = !stop && !suspended && final.kind === 'finished' && children.length === 0;
  let failed: Result<Settled[]> | null = null;
  if (finished && final.kind === 'finished') {
    const got = await core.reports.send({ jobId, token, result: final.result });
    if (got.ok) {
      count(core, slot, 'finished', got.value.settled, ms);
      return got.value.next;
    }
    // Another result, or the claim, may be why it was refused. Where it was recorded all the same, the answer below is lost.
    if (got.error.alone) failed = got;
  }
  for (let attempt = 0; ; attempt++) {
    const send = (signal: AbortSignal) => {
      if (stop) return link.release([{ jobId, token }], { signal });
      if (suspended) {
        const steps = slot.spawned.map(({ step }) => step);
        const { checkpoint = null } = suspended;
        return link.release([{ jobId, token, checkpoint, steps, children, await: true }], { signal });
      }
      if (final.kind === 'finished') {
        const spawned = children.length === 0 ? {} : { children };
        return link.finish([{ jobId, token, result: final.result, ...spawned }], { signal });
      }
      const { error, retryable, retryAfterS } = final;
      const again = retryAfterS === undefined ? {} : { retryAfterS };
      return link.fail([{ jobId, token, error, retryable, ...again }], { signal });
    };
    const got: Result<Settled[]> = failed ?? (await core.call(CALL_MS, send));
    failed = null;
    const what = stop ? 'released' : suspended ? 'awaiting' : final.kind;
    if (got.ok || slot.stopped === 'lost') {
      count(core, slot, what, got.ok ? (got.value[0] ?? null) : null, ms);
      return NO_JOBS;
    }
    if (isFatal(got.error)) {
      core.end(got.error);
      return NO_JOBS;
    }
    if (!got.error.retryable) {
      if (stop || (final.kind === 'failed' && !suspended)) {
        log('error', `the outcome was refused: ${got.error.message}`, { job_id: jobId });
        return NO_JOBS;
      }
      // The result or the children themselves are refused (too large, an unknown type): say so instead.
      const { code, message } = got.error;
      const part =
        suspended || (children.length > 0 && code !== 'payload_too_large') ? 'A child' : 'The result';
      suspended = null;
      final = {
        kind: 'failed',
        error: { code, message: `${part} was refused: ${message}`, reason: 'validation_failed' },
        retryable: false,
      };
      continue;
    }
    if (core.stopped.aborted) {
      log('warn', 'could not report before the end; the lease will run out', { job_id: jobId });
      return NO_JOBS;
    }
    if (attempt === 0) log('warn', `could not report: ${got.error.message}`, { job_id: jobId });
    await clock.sleep(backoffMs(attempt, random), core.stopped);
  }
}

function count(
  core: Core,
  slot: Slot,
  what: 'finished' | 'failed' | 'released' | 'awaiting',
  got: Settled | null,
  ms: number,
): void {
  const verdict = got?.verdict ?? 'lost';
  if (verdict === 'lost') core.sum.lost++;
  else if (verdict === 'cancelled') core.sum.cancelled++;
  else core.sum[what]++;
  const fields = { job_id: slot.job.jobId, state: got?.state, ms, stopped: slot.stopped };
  if (verdict === 'ok') core.setup.log('info', `job ${what}`, fields);
  else core.setup.log('warn', `job ${what}, answered ${verdict}`, fields);
}
