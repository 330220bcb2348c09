// Runs in a thread of its own: reads the files it is told of, in the order it is told of them.
import { parentPort } from 'node:worker_threads';
import { readSource } from '../read_source.ts';
import type { Extracted, ExtractInput, Extractor, ExtractRequest } from './extract_file.ts';
import { fileExtractor } from './extract_file.ts';

/** `open` begins a run; what comes after it belongs to it. */
export type ToThread = { open: ExtractInput } | { nth: number; request: ExtractRequest };
export type FromThread =
  | { nth: number; extracted: Extracted; warnings: string[] }
  | { nth: number; error: string };

const port = parentPort!;
let extractor: Extractor | undefined;
let before: Promise<void> = Promise.resolve();

port.on('message', (message: ToThread) => {
  if ('open' in message) {
    extractor = fileExtractor(message.open);
    return;
  }
  const { nth, request } = message;
  const mine = extractor!;
  const read = readSource(request.file);
  before = before.then(async () => {
    try {
      const extracted = await mine.extract(request, read);
      port.postMessage({ nth, extracted, warnings: mine.warnings() } satisfies FromThread);
    } catch (error) {
      port.postMessage({
        nth,
        error: error instanceof Error ? error.message : String(error),
      } satisfies FromThread);
    }
  });
});
