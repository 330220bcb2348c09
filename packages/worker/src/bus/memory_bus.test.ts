import { realtimeBusConformance } from './conformance.ts';
import { MemoryBus } from './memory_bus.ts';

realtimeBusConformance('memory', async () => {
  const bus = new MemoryBus();
  return {
    server: bus.as(),
    worker: bus.as((topic) => topic === 'agents:cogo-work.me'),
    mine: 'cogo-work.me',
    close: async () => {},
  };
});
