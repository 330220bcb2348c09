import type { Rpc } from '@cogo/client/rpc.ts';
import { readKeys, type Keys, type StackFile } from '@cogo/client/stack_file.ts';
import type { DataOption, ProjectOption, Run } from '../command.ts';
import { CommandError } from '../command_error.ts';
import { fromCogoError, unwrap } from '../unwrap.ts';
import { dataDir } from './data_dir.ts';
import { stackState } from './running.ts';

/** A running stack of this machine, and the way into its database as its owner. */
export interface Session {
  dir: string;
  stack: StackFile;
  keys: Keys;
  /** Service identity: who can read the 0600 key file owns the stack. */
  rpc: Rpc;
}

export interface Project {
  id: string;
  slug: string;
  name: string;
}

/** Opens the stack of the data folder. Throws `not_running` when there is none. */
export async function connect(run: Run, options: DataOption): Promise<Session> {
  const dir = dataDir(run.io, options);
  const found = stackState(dir);
  if (found.state !== 'running') throw notRunning(dir, found.state === 'killed');
  const keys = unwrap(readKeys(dir), 'read the keys of the stack');
  // supabase-js takes a third of a second to load; commands that only read files do without it.
  const { dataApiRpc } = await import('@cogo/client/data_api_rpc.ts');
  const rpc = dataApiRpc({ url: found.stack.urls.gateway, apikey: keys.secret_key });
  return { dir, stack: found.stack, keys, rpc };
}

export function notRunning(dir: string, killed: boolean): CommandError {
  return new CommandError({
    code: 'not_running',
    what: 'No stack is running.',
    why: killed ? `the one of ${dir} ended without cleaning up (it was killed)` : `there is none in ${dir}`,
    todo: 'start it with `cogo up` (or `cogo up --detach`), or point --data at another data folder',
    exit: 2,
  });
}

/** The project of `--project`, which must exist. */
export async function getProject(
  session: Pick<Session, 'rpc'>,
  options: Pick<ProjectOption, 'project'>,
): Promise<Project> {
  const result = await session.rpc.call<Project>('get_project', { project: options.project });
  if (result.ok) return result.value;
  const error = fromCogoError(result.error, `find the project ${options.project}`);
  if (error.code !== 'not_found') throw error;
  throw new CommandError({
    code: 'not_found',
    what: `There is no project ${options.project}.`,
    todo: `make it with \`cogo projects create ${options.project}\`, or see \`cogo projects list\``,
    exit: 2,
  });
}

/** The project of `--project`, made when it does not exist yet. */
export async function ensureProject(rpc: Rpc, slug: string): Promise<Project> {
  const found = await rpc.call<Project>('get_project', { project: slug });
  if (found.ok) return found.value;
  if (found.error.code !== 'not_found') throw fromCogoError(found.error, `find the project ${slug}`);
  return unwrap(await rpc.call<Project>('create_project', { name: slug, slug }), `make the project ${slug}`);
}
