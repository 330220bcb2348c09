import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { jobEnvironment } from './environment.ts';
import { prlimitArgs } from './limits.ts';
import type { Launch, Sandbox } from './sandbox.ts';

/**
 * No sandbox: the command sees this machine as the worker's user does. What is left are the limits, a filtered
 * environment and a home of its own; `reason` says in every result why.
 */
export function unconfined(reason: string, prlimit: string | null, inherited = process.env): Sandbox {
  return {
    kind: 'none',
    reason,
    version: null,
    watch: null,
    root: (workspace) => workspace.dir,
    launch: (command, workspace, mark): Launch => {
      const home = join(workspace.privateDir, 'home');
      const tmp = join(workspace.privateDir, 'tmp');
      mkdirSync(home, { recursive: true });
      mkdirSync(tmp, { recursive: true });
      // RLIMIT_NPROC counts all processes of the user when there is no user namespace: the monitor has to do.
      const args = prlimitArgs(command.limits).filter((arg) => !arg.startsWith('--nproc='));
      const [file, ...rest] = [...(prlimit ? [prlimit, ...args, '--'] : []), ...command.argv];
      const bin = join(workspace.dir, 'node_modules', '.bin');
      return {
        file: file!,
        args: rest,
        env: jobEnvironment({
          path: [bin, dirname(process.execPath), '/usr/local/bin', '/usr/local/go/bin', '/usr/bin', '/bin'],
          home,
          tmp,
          mark,
          inherited,
        }),
        cwd: join(workspace.dir, command.cwd),
        status: false,
        inside: null,
        overhead: 0,
      };
    },
  };
}
