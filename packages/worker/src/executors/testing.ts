import type { ClaimedJob } from '../client/worker_link.ts';
import { monotonicClock } from '../clock.ts';
import { DEFAULT_POLICY } from '../policy.ts';
import type { JobContext } from './executor.ts';

/** A job as claimed for the first time. */
export function claimedJob(o: Partial<ClaimedJob> = {}): ClaimedJob {
  return {
    jobId: '7b0c4a70-0000-4000-8000-000000000001',
    token: '1',
    attempt: 1,
    type: 'code.build.test',
    payload: {},
    projectId: 'p',
    traceId: null,
    leaseS: 30,
    cancelRequested: false,
    checkpoint: null,
    steps: {},
    children: [],
    ...o,
  };
}

/** A context without a dispatcher behind it: steps always run, there are no children. */
export function jobContext(o: Partial<JobContext> = {}): JobContext {
  return {
    signal: new AbortController().signal,
    clock: monotonicClock,
    log: () => {},
    policy: DEFAULT_POLICY,
    progress: () => {},
    say: () => {},
    step: async (_name, body) => body(),
    spawn: () => {},
    awaitChildren: async () => [],
    ...o,
  };
}
