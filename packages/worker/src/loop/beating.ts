import { backoffMs } from '../backoff.ts';
import { BEAT_CALL_MS, CALL_MS, isFatal, PRESENCE_MS, type Core } from './core.ts';
import { beatEveryMs, MIN_BEAT_MS } from './lease.ts';
import type { Slot } from './slots.ts';

/** One beat for all slots every four seconds or third of the lease, earlier for news; presence only while idle. */
export async function beatLoop(core: Core): Promise<void> {
  const { clock, random, link, info, log, leaseS } = core.setup;
  let failures = 0;
  while (!core.over.aborted) {
    const sentAt = clock.now();
    const slots = [...core.slots.keys()].filter((slot) => slot.stopped !== 'lost');
    const news = slots.map((slot) => slot.takeNews());
    const leaseMs = Math.min(leaseS * 1000, ...slots.map((slot) => slot.leaseMs));
    const beats = slots.map(({ job }, i) => ({ jobId: job.jobId, token: job.token, ...news[i] }));
    const got = await core.call(Math.min(BEAT_CALL_MS, leaseMs / 3), (signal) =>
      link.beat(beats, { signal, running: beats.length }),
    );
    if (got.ok) {
      if (failures > 0) {
        // Back: whoever pauses after an error need not wait for the end of the pause.
        core.work.ring();
        // The dispatcher may have lost its memory of this executor while it was away.
        void core
          .call(CALL_MS, (signal) => link.register(info, { signal }))
          .then((again) => {
            if (!again.ok && isFatal(again.error)) core.end(again.error);
          });
      }
      failures = 0;
      for (const { jobId, verdict } of got.value) {
        const slot = slots.find((s) => s.job.jobId === jobId);
        if (verdict === 'ok') slot?.acknowledged(sentAt);
        else slot?.stop(verdict);
      }
    } else {
      // News that was refused itself must not keep the lease from being renewed.
      const kept = ['unavailable', 'timeout', 'aborted'].includes(got.error.code);
      if (kept) for (const [i, slot] of slots.entries()) slot.putBack(news[i]!);
      if (isFatal(got.error)) core.end(got.error);
      else if (failures++ === 0)
        log('warn', `could not beat: ${got.error.message}`, { code: got.error.code });
    }
    const floor = Math.min(MIN_BEAT_MS, leaseMs / 8);
    await clock.sleep(floor, core.over);
    if (failures > 0) {
      // Soon again, well before the fence.
      await clock.sleep(backoffMs(failures, random, 250, leaseMs / 8), core.over);
    } else {
      const every = beatEveryMs(Math.min(leaseMs, 3 * PRESENCE_MS), random);
      await core.news.wait(clock, Math.max(0, every - floor), core.over);
    }
  }
}

/** Stops the work of slots whose lease can no longer be trusted: someone else may hold it soon. One timer for all of them. */
export class Fence {
  readonly #core: Core;
  #cancel: () => void = () => {};
  #dueAt = Infinity;

  constructor(core: Core) {
    this.#core = core;
  }

  /** To be told of every slot that starts: its lease may be shorter than those of the others. */
  watch(slot: Slot): void {
    const { fenceAt } = slot;
    if (fenceAt >= this.#dueAt) return;
    this.#cancel();
    this.#dueAt = fenceAt;
    const { clock } = this.#core.setup;
    this.#cancel = clock.after(fenceAt - clock.now(), () => this.#look());
  }

  /** Leaves no timer behind. */
  end(): void {
    this.#cancel();
  }

  #look(): void {
    const { sum, slots, setup } = this.#core;
    this.#dueAt = Infinity;
    for (const slot of slots.keys()) {
      if (slot.phase !== 'working' || slot.stopped) continue;
      if (setup.clock.now() < slot.fenceAt) {
        // Beats were acknowledged since, or it started later.
        this.watch(slot);
        continue;
      }
      sum.fenced++;
      setup.log('warn', 'no beat was acknowledged in time: stopping the job', { job_id: slot.job.jobId });
      slot.stop('fenced');
    }
  }
}
