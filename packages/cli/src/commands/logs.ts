import { createReadStream, existsSync, readdirSync, statSync, watch } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { addCommand, withData, type DataOption, type Host } from '../command.ts';
import { CommandError, interrupted } from '../command_error.ts';
import { wholeNumber } from '../numbers.ts';
import { dataDir } from '../session/data_dir.ts';

/** `cogo logs [service]`: the end of the logs of the stack, and what is added. */
export function registerLogs(host: Host, root: Command): void {
  addCommand<DataOption & { lines: number; follow?: boolean }>(host, root, {
    name: 'logs [service]',
    about: 'the last lines of the logs (gateway, functions, worker, metrics)',
    options: (command) =>
      withData(command)
        .option('-n, --lines <n>', 'so many lines of each', wholeNumber(0, 100_000), 40)
        .option('-f, --follow', 'go on with what is added (one service)'),
    action: async (run, options, [service]) => {
      const folder = join(dataDir(run.io, options), 'logs');
      const names = logNames(folder);
      const chosen = service ? names.filter((name) => name === service) : names;
      if (chosen.length === 0) {
        throw new CommandError({
          code: 'not_found',
          what: service ? `There is no log of ${service}.` : 'There are no logs yet.',
          why: names.length > 0 ? `there are: ${names.join(', ')}` : `${folder} has none`,
          todo: names.length > 0 ? 'name one of those' : 'start the stack with `cogo up`',
          exit: 2,
        });
      }
      const logs: Record<string, string[]> = {};
      let end = 0;
      for (const name of chosen) {
        const read = await lastLines(join(folder, `${name}.log`), options.lines);
        logs[name] = read.lines;
        end = read.end;
        if (!run.json) {
          if (chosen.length > 1) run.say(`==> ${name} <==\n`);
          for (const line of logs[name]) run.say(`${line}\n`);
        }
      }
      if (options.follow && !run.json) {
        if (chosen.length > 1) {
          throw new CommandError({
            code: 'bad_request',
            what: 'One log can be followed at a time.',
            todo: `name it: cogo logs ${names[0]} --follow`,
            exit: 2,
          });
        }
        await follow(join(folder, `${chosen[0]}.log`), end, run.io.signal, (text) => run.say(text));
        throw interrupted();
      }
      return { json: { ok: true, logs } };
    },
  });
}

function logNames(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith('.log'))
    .map((file) => file.slice(0, -4))
    .sort();
}

const BLOCK = 64 * 1024;

/** The last `count` lines of a file, read from its end, and where that end was. */
export async function lastLines(path: string, count: number): Promise<{ lines: string[]; end: number }> {
  const file = await open(path);
  try {
    const end = (await file.stat()).size;
    if (count === 0) return { lines: [], end };
    let at = end;
    let tail = Buffer.alloc(0);
    while (at > 0) {
      const size = Math.min(BLOCK, at);
      at -= size;
      const { buffer } = await file.read(Buffer.alloc(size), 0, size, at);
      tail = Buffer.concat([buffer, tail]);
      if (newlines(tail) > count) break;
    }
    const lines = tail.toString('utf8').split('\n');
    if (lines.at(-1) === '') lines.pop();
    return { lines: lines.slice(-count), end };
  } finally {
    await file.close();
  }
}

function newlines(bytes: Buffer): number {
  let count = 0;
  for (const byte of bytes) if (byte === 10) count += 1;
  return count;
}

/** Prints what is appended until the signal; a rotated file is read from its beginning. */
async function follow(
  path: string,
  from: number,
  signal: AbortSignal,
  print: (text: string) => void,
): Promise<void> {
  let at = from;
  let reading = Promise.resolve();
  const more = async () => {
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (size < at) at = 0;
    if (size === at) return;
    for await (const chunk of createReadStream(path, { start: at, end: size - 1, encoding: 'utf8' }))
      print(chunk as string);
    at = size;
  };
  const readOn = () => {
    reading = reading.then(more);
  };
  const watcher = watch(path, readOn);
  // What was added before the watch stood.
  readOn();
  await new Promise<void>((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  watcher.close();
  await reading;
}
