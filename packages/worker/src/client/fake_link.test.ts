import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cogoError } from '@cogo/spec/errors.ts';
import { FakeClock } from '../clock_fake.ts';
import { workerLinkConformance } from './conformance.ts';
import { FakeDispatcher } from './fake_link.ts';
import { rpcWorkerLink } from './worker_link.ts';

workerLinkConformance('fake', async () => {
  const clock = new FakeClock();
  const fake = new FakeDispatcher(clock);
  return {
    link: (executorId = 'cogo-work') => fake.link(executorId),
    enqueue: async ({ type = 'code.build.test', payload = {} } = {}) => fake.enqueue(type, payload),
    cancel: async (jobId) => fake.cancel(jobId),
    expire: async () => {
      await clock.advance(31_000);
      fake.sweep();
    },
    state: async (jobId) => fake.jobs.get(jobId)!,
    makeReady: async () => {},
    close: async () => {},
  };
});

test('a call to a gateway that is away fails without touching a job', async () => {
  const fake = new FakeDispatcher(new FakeClock());
  fake.enqueue('code.build.test');
  fake.down = cogoError('unavailable', 'away');
  const got = await fake.link('cogo-work').claim({ qty: 1, leaseS: 30, includeTypes: null });
  assert.equal(!got.ok && got.error.code, 'unavailable');
  assert.equal([...fake.jobs.values()][0]!.state, 'queued');
});

test('an answer in an unknown form is an error, not a job', async () => {
  for (const value of [
    {},
    'x',
    [1],
    [{ job_id: 'a' }],
    [{ job_id: 'a', type: 't', token: 1, lease_s: 'soon' }],
  ]) {
    const rpc = { call: async () => ({ ok: true as const, value: value as never }), close: async () => {} };
    const got = await rpcWorkerLink(rpc, 'cogo-work').claim({ qty: 1, leaseS: 30, includeTypes: null });
    assert.equal(!got.ok && got.error.code, 'internal', JSON.stringify(value));
  }
});
