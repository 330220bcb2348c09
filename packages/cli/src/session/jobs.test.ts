import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Rpc } from '@cogo/client/rpc.ts';
import { followJob, jobOutcome, type JobEvent, type JobStatus } from './jobs.ts';

test('what a person is told of a job: the state of its build, not only of its run', () => {
  const cases: [Partial<JobStatus>, string, number | null][] = [
    [{ state: 'succeeded', result: { state: 'succeeded', exit_code: 0 } }, 'succeeded', 0],
    [{ state: 'succeeded', result: { state: 'failed', exit_code: 2 } }, 'failed', 2],
    [{ state: 'succeeded', result: null }, 'succeeded', null],
    [{ state: 'dead', result: null, error: { code: 'timeout' } }, 'failed', null],
    [{ state: 'cancelled' }, 'cancelled', null],
  ];
  for (const [status, state, exit_code] of cases) {
    assert.deepEqual(jobOutcome(status as JobStatus), { state, exit_code });
  }
});

test('following a job tells each event once, also those written with its end', async () => {
  const events: JobEvent[] = Array.from({ length: 450 }, (_, at) => ({
    id: at + 1,
    kind: 'job.log',
    data: {},
    at: '',
  }));
  const visible = [3, 3, 450];
  let polls = 0;
  const rpc = {
    async call(fn: string, args: Record<string, unknown>) {
      if (fn === 'job_status') {
        polls += 1;
        return { ok: true, value: { job_id: 'j', type: 't', state: polls < 3 ? 'running' : 'succeeded' } };
      }
      const until = visible[polls - 1]!;
      const after = Number(args['after_id']);
      return { ok: true, value: events.slice(after, Math.min(until, after + Number(args['lim']))) };
    },
    async close() {},
  } as unknown as Rpc;
  const seen: unknown[] = [];
  const status = await followJob(rpc, 'j', {
    signal: new AbortController().signal,
    onEvent: (event) => seen.push(event.id),
  });
  assert.equal(status.state, 'succeeded');
  assert.deepEqual(
    seen,
    events.map((event) => event.id),
  );
});
