import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { addCommand, withData, type DataOption, type Host, type Run } from '../command.ts';
import { CommandError, interrupted } from '../command_error.ts';
import { stopStack } from './down.ts';
import { dataDir } from '../session/data_dir.ts';
import { stackState } from '../session/running.ts';

/** Everything COGO puts in a data folder; nothing else in it is touched. */
const DATA = ['pg', 'storage', 'mail', 'logs', 'tokens.json', 'stack.json', 'lock'];
const WITH_KEYS = [...DATA, 'keys.json'];

/** `cogo reset`: deletes the data of the stack. */
export function registerReset(host: Host, root: Command): void {
  addCommand<DataOption & { yes?: boolean; keys?: boolean }>(host, root, {
    name: 'reset',
    about: 'stop the stack and delete its data: database, storage, logs',
    options: (command) =>
      withData(command)
        .option('--yes', 'do not ask')
        .option('--keys', 'also the keys; everything that holds one stops working'),
    action: async (run, options) => {
      const dir = dataDir(run.io, options);
      const present = (options.keys ? WITH_KEYS : DATA).filter((name) => existsSync(join(dir, name)));
      if (present.length === 0)
        return { json: { ok: true, deleted: [] }, text: `There is nothing to delete in ${dir}.` };
      if (!options.yes) await confirm(run, `Delete ${present.join(', ')} in ${dir}?`);
      const found = stackState(dir);
      if (found.state === 'running') await stopStack(dir, found.stack.pid, true, run.io.signal);
      for (const name of present) rmSync(join(dir, name), { recursive: true, force: true });
      return {
        json: { ok: true, data: dir, deleted: present },
        text: `Deleted ${present.join(', ')} in ${dir}.`,
      };
    },
  });
}

async function confirm(run: Run, question: string): Promise<void> {
  if (!run.io.stdin.isTTY || run.json) {
    throw new CommandError({
      code: 'bad_request',
      what: `${question} Nobody can answer here, so nothing was deleted.`,
      todo: 'run it with --yes',
      exit: 2,
    });
  }
  const prompt = createInterface({ input: run.io.stdin, output: run.io.stderr });
  try {
    const answer = await prompt.question(`${question} It cannot be undone. [y/N] `, {
      signal: run.io.signal,
    });
    if (!/^y(es)?$/i.test(answer.trim())) throw interrupted();
  } finally {
    prompt.close();
  }
}
