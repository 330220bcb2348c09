// The commands of the claim protocol, and what every queue must come to in the end.
import assert from 'node:assert/strict';
import type fc from 'fast-check';
import { cancel, enqueue, enqueueMany, limit, pin, redrive } from './client_commands.ts';
import { type Command, EXECUTORS } from './command.ts';
import { holds } from './invariants.ts';
import type { Model } from './model.ts';
import type { RealQueue } from './queue.ts';
import { history, lapse, purge, rebuild, silence, sweep } from './server_commands.ts';
import {
  beat,
  claim,
  fail,
  finish,
  finishMany,
  granted,
  register,
  release,
  turn,
} from './worker_commands.ts';

/** Each verb once. */
export const VERBS: Record<string, fc.Arbitrary<Command>> = {
  ...{ enqueue, enqueueMany, claim, beat, finish, finishMany, turn, fail, release, register },
  ...{ cancel, redrive, pin, limit, lapse, silence, sweep, purge, rebuild, history },
};

/** All commands, the frequent ones more than once. */
export const COMMANDS: fc.Arbitrary<Command>[] = [
  ...Object.values(VERBS),
  ...[enqueue, enqueue, enqueueMany, claim, claim, claim, claim, finish, fail, release, lapse, sweep, sweep],
];

/**
 * Works off whatever is left. Every job must come to an end: a queued job that no claim reaches, a blocked one that nobody
 * admits and a scheduled one that nobody wakes would each be found here.
 */
export async function drain(model: Model, real: RealQueue): Promise<void> {
  for (let round = 0; model.jobs.some((job) => job.state === 'waiting' || job.state === 'running'); round++) {
    assert.ok(round < 60, 'the queue does not drain');
    for (const job of model.running()) {
      await real.finish({ job_id: job.id, token: job.token!, result: { by: job.token } });
      model.end(job, job.cancelRequested ? 'cancelled' : 'succeeded');
    }
    await real.endDelays();
    await real.sweep();
    model.sweep();
    for (const who of EXECUTORS) {
      const leases = await real.claim(who, 10);
      model.heard(who);
      granted(model, who, leases);
    }
    model.settled = false;
  }
  await holds(model, real);
  for (const job of model.jobs.filter((one) => one.state === 'succeeded')) {
    const { result } = await real.status(job.id);
    assert.equal(result?.by, job.granted.at(-1), `the result of ${job.id} is not of its last token`);
  }
}
