import { failure, ok } from '@cogo/spec/result.ts';
import type { MemoryBus } from '../bus/memory_bus.ts';
import type { FakeDispatcher, FakeJob } from '../client/fake_link.ts';
import type { Dispatcher, NewJob } from './dispatcher.ts';

const LANES: Record<string, string> = {
  'code.build.test': 'cogo-work',
  'code.debug': 'cogo-work',
  'research.run': 'cogo-plan',
};
const OVER = new Set(['succeeded', 'cancelled', 'dead']);

/** The asking side of `FakeDispatcher`, which wakes its executors over `bus`. Both sides are one memory. */
export function fakeDispatch(fake: FakeDispatcher, bus: MemoryBus): Dispatcher {
  const keys = new Map<string, { input: string; jobId: string }>();
  const redriven = new Map<string, string>();
  const server = bus.as();
  const wake = async (type: string) => {
    for (const [executor, { info }] of fake.executors) {
      if (info.kind !== LANES[type]) continue;
      await server.publish({ topic: `agents:${executor}`, event: 'wake', payload: { lane: info.kind } });
    }
  };
  const missing = (jobId: string) => failure('not_found', `no such job ${jobId}`);
  const below = (jobId: string): FakeJob[] =>
    [...fake.jobs.values()]
      .filter((job) => job.parent === jobId && !OVER.has(job.state))
      .flatMap((job) => [job, ...below(job.jobId)]);
  return {
    async enqueue(_projectId, jobs) {
      const unknown = jobs.find(({ type }) => LANES[type] === undefined);
      if (unknown) return failure('validation_failed', `${unknown.type} is not known`);
      const inputOf = ({ key: _key, trace_id: _trace, ...input }: NewJob) => JSON.stringify(input);
      const reused = jobs.find(
        (job) => job.key !== undefined && keys.has(job.key) && keys.get(job.key)!.input !== inputOf(job),
      );
      if (reused) return failure('job_key_reused', 'the key was used before with another input');
      const made = [];
      for (const job of jobs) {
        const known = job.key === undefined ? undefined : keys.get(job.key);
        const jobId = known?.jobId ?? fake.enqueue(job.type, job.payload ?? {}, job.parent_id ?? null);
        if (job.key !== undefined) keys.set(job.key, { input: inputOf(job), jobId });
        made.push({ job_id: jobId, state: fake.jobs.get(jobId)!.state, duplicate: known !== undefined });
        if (!known) await wake(job.type);
      }
      return ok(made);
    },
    async cancel(jobId, o = {}) {
      const job = fake.jobs.get(jobId);
      if (!job) return missing(jobId);
      if (job.state === 'succeeded' || job.state === 'dead') {
        return failure('illegal_transition', `the job is ${job.state} already`);
      }
      const children = o.children === false ? [] : below(jobId).filter((child) => !child.cancelRequested);
      for (const child of [...children, job]) fake.cancel(child.jobId);
      return ok({
        job_id: jobId,
        state: job.state,
        cancel_requested: true,
        children: children.length,
      });
    },
    async redrive(jobId) {
      const job = fake.jobs.get(jobId);
      if (!job) return missing(jobId);
      if (job.state !== 'dead') return failure('illegal_transition', 'only a dead job is redriven');
      const before = redriven.get(jobId);
      const made = before ?? fake.enqueue(job.type, job.payload, job.parent);
      redriven.set(jobId, made);
      if (!before) await wake(job.type);
      const { state } = fake.jobs.get(made)!;
      return ok({ job_id: made, state, duplicate: before !== undefined, redriven_from: jobId });
    },
  };
}
