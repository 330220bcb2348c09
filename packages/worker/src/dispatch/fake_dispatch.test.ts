import { MemoryBus } from '../bus/memory_bus.ts';
import { FakeDispatcher } from '../client/fake_link.ts';
import type { WorkerLink } from '../client/worker_link.ts';
import { FakeClock } from '../clock_fake.ts';
import { dispatcherConformance } from './conformance.ts';
import { fakeDispatch } from './fake_dispatch.ts';

const TYPES = { 'cogo-plan': ['research.*'], 'cogo-work': ['code.*'] };

dispatcherConformance('fake', async () => {
  const fake = new FakeDispatcher(new FakeClock());
  const bus = new MemoryBus();
  const woken = new Map<string, number>();
  return {
    dispatcher: fakeDispatch(fake, bus),
    projectId: 'project',
    link: (kind): WorkerLink => {
      const executorId = `${kind}.test`;
      bus.as().subscribe(`agents:${executorId}`, () => {
        woken.set(executorId, (woken.get(executorId) ?? 0) + 1);
      });
      const link = fake.link(executorId);
      // The fake has one list of jobs for all lanes: its executors take what is theirs.
      return { ...link, claim: (request, o) => link.claim({ ...request, includeTypes: TYPES[kind] }, o) };
    },
    wakes: async (executorId) => woken.get(executorId) ?? 0,
    close: async () => {},
  };
});
