import { readKeys } from '@cogo/client/stack_file.ts';
import type { Command } from 'commander';
import {
  addCommand,
  addGroup,
  withData,
  withProject,
  type DataOption,
  type Host,
  type ProjectOption,
} from '../command.ts';
import { CommandError } from '../command_error.ts';
import { connect, getProject } from '../session/connect.ts';
import { dataDir } from '../session/data_dir.ts';
import { ownToken } from '../session/saved_tokens.ts';
import type { Io } from '../io.ts';

/** `cogo keys publishable|secret|studio|token`: prints one secret, for `$(…)` in a command line. */
export function registerKeys(host: Host, root: Command): void {
  const keys = addGroup(root, 'keys', 'print a key of the stack, for use in $(…)');
  const file = (name: string, about: string, field: 'publishable_key' | 'secret_key' | 'studio_password') =>
    addCommand<DataOption>(host, keys, {
      name,
      about,
      options: withData,
      action: async (run, options) => {
        const value = keysOf(run.io, options)[field];
        return { json: { ok: true, [field]: value }, text: value };
      },
    });
  file('publishable', 'the publishable key: goes in `apikey`, reads public projects', 'publishable_key');
  file('secret', 'the secret key: may do everything, keep it on the server', 'secret_key');
  file('studio', 'the password of Studio, for the user `cogo`', 'studio_password');
  addCommand<ProjectOption>(host, keys, {
    name: 'token',
    about: 'your own project token, kept in the data folder (0600); made when there is none',
    options: withProject,
    action: async (run, options) => {
      const session = await connect(run, options);
      const project = await getProject(session, options);
      const token = await ownToken(session.rpc, session.dir, project);
      return { json: { ok: true, project: project.slug, token }, text: token };
    },
  });
}

function keysOf(io: Io, options: DataOption) {
  const read = readKeys(dataDir(io, options));
  if (read.ok) return read.value;
  throw new CommandError({
    code: 'not_found',
    what: 'There are no keys yet.',
    why: read.error.message,
    todo: 'start the stack once with `cogo up`, or point --data at its data folder',
    exit: 2,
  });
}
