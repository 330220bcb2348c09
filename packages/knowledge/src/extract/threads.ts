import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Extracted, ExtractInput, ExtractRequest } from './extract_file.ts';
import type { FromThread, ToThread } from './thread.ts';

/** A thread that reads files for one run at a time. */
export interface ExtractThread {
  /** Files it was told of and has not answered. */
  readonly busy: number;
  open(input: ExtractInput): void;
  /** Rejects when the thread died; the file may then be read elsewhere. */
  extract(request: ExtractRequest): Promise<{ extracted: Extracted; warnings: string[] }>;
  /** Ends its part of the run: it waits for another a while, or ends when it still has something to do. */
  release(): void;
}

/** The main thread reads beside them. More than three it cannot feed. */
export const DEFAULT_THREADS = Math.min(3, availableParallelism() - 1);

/** A thread takes a third of a second to start, so one that is done waits for the next run. Milliseconds. */
const IDLE_MS = 10_000;
const idle: Array<{ thread: ExtractThread; end: NodeJS.Timeout }> = [];

export function borrowThread(): ExtractThread {
  const known = idle.pop();
  if (!known) return startThread();
  clearTimeout(known.end);
  return known.thread;
}

interface Waiting {
  resolve(answer: { extracted: Extracted; warnings: string[] }): void;
  reject(error: Error): void;
}

function startThread(): ExtractThread {
  // trees are short-lived: a larger nursery copies less of them
  const worker = new Worker(new URL('./thread.mjs', import.meta.url), {
    resourceLimits: { maxYoungGenerationSizeMb: 64 },
  });
  worker.unref();
  const waiting = new Map<number, Waiting>();
  let nth = 0;
  let death: Error | undefined;
  worker.on('message', (message: FromThread) => {
    const asked = waiting.get(message.nth);
    waiting.delete(message.nth);
    if (waiting.size === 0) worker.unref();
    if ('error' in message) asked?.reject(new Error(message.error));
    else asked?.resolve(message);
  });
  worker.on('error', die);
  worker.on('exit', (code) => die(new Error(`the thread ended with ${code}`)));

  const thread: ExtractThread = {
    get busy() {
      return death ? Number.POSITIVE_INFINITY : waiting.size;
    },
    open: (input) => post({ open: input }),
    extract(request) {
      return new Promise((resolve, reject) => {
        if (death) {
          reject(death);
          return;
        }
        nth += 1;
        waiting.set(nth, { resolve, reject });
        worker.ref();
        post({ nth, request });
      });
    },
    release() {
      if (death) return;
      if (waiting.size > 0) {
        void worker.terminate();
        return;
      }
      const end = setTimeout(() => {
        idle.splice(
          idle.findIndex((one) => one.thread === thread),
          1,
        );
        void worker.terminate();
      }, IDLE_MS);
      end.unref();
      idle.push({ thread, end });
    },
  };
  return thread;

  function post(message: ToThread): void {
    worker.postMessage(message);
  }

  function die(error: Error): void {
    death ??= error;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  }
}
