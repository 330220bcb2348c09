// For tests: indexes a folder in a process that can be killed. Its database is the parent's, which answers each call over the channel.
import type { Rpc } from '@cogo/client/rpc.ts';
import { indexRepository } from './indexer.ts';

const [root, projectId] = process.argv.slice(2) as [string, string];
const waiting = new Map<number, (answer: never) => void>();
let calls = 0;

process.on('message', ({ id, answer }: { id: number; answer: never }) => {
  waiting.get(id)?.(answer);
  waiting.delete(id);
});

const rpc = {
  call: (fn: string, args: Record<string, unknown> = {}) =>
    new Promise((resolve) => {
      const id = ++calls;
      waiting.set(id, resolve);
      process.send!({ id, fn, args });
    }),
  close: async () => {},
} as unknown as Rpc;

const result = await indexRepository({ root, repo: 'app', projectId, rpc });
process.exit(result.ok ? 0 : 1);
