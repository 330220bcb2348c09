import { isPayloadRef } from '@cogo/spec/payload_ref.ts';
import { failure, type Result } from '@cogo/spec/result.ts';
import { backoffMs, idlePollMs } from '../backoff.ts';
import type { ClaimedJob } from '../client/worker_link.ts';
import { asJson, refused, type Outcome } from '../executors/executor.ts';
import { beatLoop } from './beating.ts';
import { CALL_MS, Core, isFatal, PRESENCE_MS, type RunSummary, type WorkerSetup } from './core.ts';
import { contextOf } from './context.ts';
import { settle } from './settle.ts';
import { Slot } from './slots.ts';

/** After the leases were handed back: clearing workspaces may take this long. */
const CLEANUP_MS = 5_000;
/** The longest pause after a claim that got no answer. */
const CLAIM_PAUSE_MS = 5_000;

/**
 * The loops of one worker: claim to refill, one beat for all slots, and a task for each slot. Returns when told to
 * stop (an ok), when drained (`once`), or on an error that no retry mends.
 */
export async function runLoops(setup: WorkerSetup): Promise<Result<RunSummary>> {
  const core = new Core(setup);
  const onStop = () => core.stop();
  if (setup.signal.aborted) onStop();
  setup.signal.addEventListener('abort', onStop, { once: true });
  if (await register(core)) {
    const unwake = setup.wake?.({ work: () => core.work.ring(), beat: () => core.news.ring() });
    const beating = beatLoop(core);
    const handingBack = handBack(core);
    await claimLoop(core);
    if (core.stopped.aborted) await handingBack;
    core.finish();
    await beating;
    unwake?.();
    await announce(core, { draining: true, stopped: true });
  }
  setup.signal.removeEventListener('abort', onStop);
  return core.fatal ? { ok: false, error: core.fatal } : { ok: true, value: { ...core.sum } };
}

async function register(core: Core): Promise<boolean> {
  const { link, info, clock, random, log } = core.setup;
  for (let attempt = 0; !core.stopped.aborted; attempt++) {
    const got = await core.call(CALL_MS, (signal) => link.register(info, { signal }));
    if (got.ok) return true;
    if (!got.error.retryable) {
      core.end(got.error);
      return false;
    }
    if (attempt === 0)
      log('warn', `waiting for the dispatcher: ${got.error.message}`, { code: got.error.code });
    await clock.sleep(backoffMs(attempt, random), core.stopped);
  }
  return false;
}

async function claimLoop(core: Core): Promise<void> {
  const { clock, random, link, leaseS, includeTypes, once, log } = core.setup;
  const { stopped } = core;
  let misses = 0;
  let errors = 0;
  while (!stopped.aborted) {
    const free = core.refill();
    if (free === 0) {
      await core.work.wait(clock, PRESENCE_MS, stopped);
      continue;
    }
    const sentAt = clock.now();
    core.asked += free;
    const got = await core.call(CALL_MS, (signal) =>
      link.claim({ qty: free, leaseS, includeTypes }, { signal }),
    );
    core.asked -= free;
    if (!got.ok) {
      if (isFatal(got.error)) return core.end(got.error);
      if (stopped.aborted) return;
      if (errors === 0) log('warn', `could not claim: ${got.error.message}`, { code: got.error.code });
      // A ring ends it: a beat was answered again.
      await core.work.wait(clock, backoffMs(errors++, random, 500, CLAIM_PAUSE_MS), stopped);
      continue;
    }
    if (errors > 0) log('info', 'the dispatcher answers again');
    errors = 0;
    // An answer that was on its way when the stop came: these leases go straight back.
    if (stopped.aborted) return release(core, got.value);
    for (const job of got.value) start(core, job, sentAt);
    if (got.value.length > 0) {
      misses = 0;
      continue;
    }
    if (once && core.slots.size === 0) return;
    await core.work.wait(clock, idlePollMs(++misses, random), stopped);
  }
}

function start(core: Core, job: ClaimedJob, sentAt: number): void {
  core.sum.claimed++;
  const slot = new Slot(job, sentAt);
  if (job.cancelRequested) slot.stop('cancel');
  const task = work(core, slot).finally(() => {
    core.slots.delete(slot);
    core.work.ring();
  });
  core.slots.set(slot, task);
  core.fence.watch(slot);
  // A lease shorter than the one asked for: the next beat must not wait for the longer interval.
  if (job.leaseS < core.setup.leaseS) core.news.ring();
}

async function work(core: Core, slot: Slot): Promise<void> {
  const { log, clock, executor } = core.setup;
  const { job } = slot;
  const started = clock.now();
  log('info', 'job started', { job_id: job.jobId, type: job.type, attempt: job.attempt });
  const found = executor(job.type);
  let outcome: Outcome = noExecutor(job.type);
  if (found && !slot.stopped) {
    try {
      const loaded = await withPayload(core, slot);
      const denied = 'kind' in loaded ? loaded : await refusedByOwner(core, slot, loaded);
      if (denied) outcome = denied;
      else if (!slot.stopped) outcome = asJson(await found.run(loaded as ClaimedJob, contextOf(core, slot)));
    } catch (error) {
      const message = `The executor of ${job.type} broke: ${(error as Error)?.message ?? String(error)}`;
      outcome = {
        kind: 'failed',
        error: { code: 'internal', message, reason: 'infrastructure_failure' },
        retryable: true,
      };
    }
  }
  slot.phase = 'settling';
  const next = await settle(core, slot, outcome, Math.round(clock.now() - started));
  // As in the claim loop: leases that came with the stop go straight back.
  if (core.stopped.aborted) return release(core, next.jobs);
  for (const claimed of next.jobs) start(core, claimed, next.sentAt);
}

/** The job with the payload it refers to, or why there is none. */
async function withPayload(core: Core, slot: Slot): Promise<ClaimedJob | Outcome> {
  const { job } = slot;
  if (!isPayloadRef(job.payload)) return job;
  const { loadPayload } = core.setup;
  const got = loadPayload
    ? await loadPayload(job, slot.signal)
    : failure('not_configured', 'the payload lies in Storage, and this worker has none');
  if (got.ok) return { ...job, payload: got.value };
  const { code, retryable } = got.error;
  const reason = code === 'validation_failed' ? 'validation_failed' : 'dependency_unavailable';
  const message = `The payload could not be had: ${got.error.message}`;
  return { kind: 'failed', error: { code, message, reason }, retryable };
}

/** Waits for the owner where the policy says so; beats keep the lease meanwhile. Null: go on. */
async function refusedByOwner(core: Core, slot: Slot, job: ClaimedJob): Promise<Outcome | null> {
  const { approvals, clock, log, policy } = core.setup;
  if (policy(job.type).approve !== 'ask') return null;
  const command = `cogo-work approve ${job.jobId}`;
  log('warn', `job waits for its owner: ${command}`, { job_id: job.jobId, type: job.type });
  slot.report({ state: 'waiting_for_approval' });
  slot.say(`The owner of the machine is asked: ${command}\n`);
  core.news.ring();
  const said = approvals === undefined ? NOBODY : await approvals.ask(job, clock, slot.signal);
  // A slot that was stopped reports why by itself.
  if (said?.approved || said === null) return null;
  const why = said.reason ? `: ${said.reason}` : '.';
  return refused('forbidden', 'policy_violation', `The owner of this machine denied the job${why}`);
}

const NOBODY = { approved: false, reason: 'its jobs need an approval, and this worker has nobody to ask' };

/** Within a second of the stop: the work is killed and every lease handed back in one call. */
async function handBack(core: Core): Promise<void> {
  const { stopped, over } = core;
  if (!stopped.aborted && !over.aborted) {
    await new Promise<void>((resolve) => {
      stopped.addEventListener('abort', () => resolve(), { once: true });
      over.addEventListener('abort', () => resolve(), { once: true });
    });
  }
  if (!stopped.aborted) return;
  const working = [...core.slots.keys()].filter((slot) => slot.phase === 'working' && !slot.stopped);
  const tasks = [...core.slots.values()];
  for (const slot of working) slot.stop('shutdown');
  await Promise.all([
    release(
      core,
      working.map((slot) => slot.job),
    ),
    tasks.length > 0 ? announce(core, { draining: true }) : undefined,
  ]);
  const cleaned = new AbortController();
  void Promise.all(tasks).then(() => cleaned.abort());
  await core.setup.clock.sleep(CLEANUP_MS, cleaned.signal);
}

/** Says that it goes, and that it is gone. A hint: one that was replaced has nothing to say, and its leases are free either way. */
async function announce(core: Core, going: { draining: true; stopped?: true }): Promise<void> {
  const { link, info, log } = core.setup;
  if (core.fatal) return;
  const got = await core.call(CALL_MS, (signal) => link.register({ ...info, ...going }, { signal }));
  if (!got.ok) log('info', `could not say that it goes: ${got.error.message}`, { code: got.error.code });
}

async function release(core: Core, jobs: ClaimedJob[]): Promise<void> {
  const { link, log } = core.setup;
  if (jobs.length === 0) return;
  const leases = jobs.map(({ jobId, token }) => ({ jobId, token }));
  const got = await core.call(CALL_MS, (signal) => link.release(leases, { signal }));
  if (!got.ok) {
    log('warn', `could not hand back ${jobs.length} job(s), the leases will run out: ${got.error.message}`);
    return;
  }
  const count = (verdict: string) => got.value.filter((row) => row.verdict === verdict).length;
  core.sum.released += count('ok');
  core.sum.cancelled += count('cancelled');
  core.sum.lost += count('lost');
  log('info', `handed ${jobs.length} job(s) back`);
}

function noExecutor(type: string): Outcome {
  return refused(
    'not_configured',
    'dependency_unavailable',
    `This worker has no executor for jobs of type ${type}. Send it to another lane, or narrow the worker with LIVE_INCLUDE_TYPES.`,
  );
}
