import { backoffMs } from '../backoff.ts';
import type { Step } from '../client/worker_link.ts';
import type { JobContext } from '../executors/executor.ts';
import { CALL_MS, isFatal, type Core } from './core.ts';
import type { Slot } from './slots.ts';

/** States of a job after which nothing more becomes of it. */
const OVER = new Set(['succeeded', 'cancelled', 'dead']);

/** What an executor works with: everything it says goes to the slot, and from there to the dispatcher. */
export function contextOf(core: Core, slot: Slot): JobContext {
  const { job } = slot;
  const { clock, log } = core.setup;
  const begun: string[] = [];
  const once = (name: string) => {
    if (begun.includes(name))
      throw new Error(`the step ${JSON.stringify(name)} was begun twice in one attempt`);
    begun.push(name);
  };
  const known = (name: string) => Object.hasOwn(job.steps, name);
  return {
    get signal() {
      return slot.signal;
    },
    clock,
    log,
    policy: core.setup.policy(job.type),
    progress: (progress) => {
      slot.report(progress);
      core.news.ring();
    },
    say: (text) => {
      slot.say(text);
      core.news.ring();
    },
    step: async <T>(name: string, body: () => Promise<T> | T) => {
      once(name);
      if (known(name)) return job.steps[name] as T;
      slot.signal.throwIfAborted();
      // As a later attempt will get it: one form, whichever attempt runs.
      const output = JSON.parse(JSON.stringify(await body()) ?? 'null') as T;
      await storeStep(core, slot, { name, output });
      return output;
    },
    spawn: (name, children) => {
      const step = `spawn:${name}`;
      once(step);
      if (!known(step) && children.length > 0) slot.spawn(step, children);
    },
    awaitChildren: async (checkpoint) => {
      if (slot.spawned.length === 0 && job.children.every(({ state }) => OVER.has(state)))
        return job.children;
      throw slot.suspend(checkpoint);
    },
  };
}

/** Sends an output at once and waits until it is kept: a step that was announced must not be done again. */
async function storeStep(core: Core, slot: Slot, step: Step): Promise<void> {
  const { clock, link, random } = core.setup;
  const { jobId, token } = slot.job;
  for (let attempt = 0; ; attempt++) {
    slot.signal.throwIfAborted();
    const sentAt = clock.now();
    const got = await core.call(CALL_MS, (signal) =>
      link.beat([{ jobId, token, steps: [step] }], { signal }),
    );
    if (got.ok) {
      const verdict = got.value[0]?.verdict ?? 'lost';
      if (verdict === 'ok') return slot.acknowledged(sentAt);
      slot.stop(verdict);
      slot.signal.throwIfAborted();
    } else {
      if (isFatal(got.error)) core.end(got.error);
      if (!got.error.retryable) {
        throw new Error(`the output of ${JSON.stringify(step.name)} was refused: ${got.error.message}`);
      }
      await clock.sleep(backoffMs(attempt, random, 250, 5_000), slot.signal);
    }
  }
}
