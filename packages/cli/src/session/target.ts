// Where `index`, `search`, `ask` and `mcp` find their project: a stack of this machine, or a server given by its URL (hosted Supabase).
import { Option, type Command } from 'commander';
import { DEFAULT_PROJECT, withProject, type ProjectOption, type Run } from '../command.ts';
import { CommandError } from '../command_error.ts';
import type { Rpc } from '@cogo/client/rpc.ts';
import { unwrap } from '../unwrap.ts';
import { connect, ensureProject, getProject, type Project } from './connect.ts';
import { ownToken } from './saved_tokens.ts';

export interface TargetOption extends ProjectOption {
  url?: string;
}

export interface Target {
  /** As the caller: the owner of a local stack, or whoever the key and token are. */
  rpc: Rpc;
  /** Gateway, without `/rest/v1`. */
  url: string;
  functions: string;
  /** Publishable or secret key. */
  apikey: string;
  /** The project of `--project`, which must exist. */
  project(): Promise<Project>;
  /** The same, made when it does not exist yet and the caller may. */
  ensureProject(): Promise<Project>;
  /** `cogo_pt_…` to act with in that project; undefined where the key alone acts. */
  token(project: Project): Promise<string | undefined>;
}

/** `--url` beside `--project` and `--data`. */
export function withTarget(command: Command): Command {
  return withProject(command).addOption(
    new Option(
      '--url <url>',
      'a server instead of the local stack, such as https://<ref>.supabase.co; its key comes from COGO_APIKEY (publishable or secret), a project token from COGO_TOKEN',
    ).env('COGO_URL'),
  );
}

/** Throws `not_running` where there is no stack, `bad_request` where the key is missing or would travel in the clear. */
export async function openTarget(run: Run, options: TargetOption): Promise<Target> {
  const url = options.url ?? run.io.env['COGO_URL'];
  return url === undefined ? await localTarget(run, options) : await remoteTarget(run, url, options);
}

async function localTarget(run: Run, options: TargetOption): Promise<Target> {
  const session = await connect(run, options);
  return {
    rpc: session.rpc,
    url: session.stack.urls.gateway,
    functions: session.stack.urls.functions,
    apikey: session.keys.publishable_key,
    project: () => getProject(session, options),
    ensureProject: () => ensureProject(session.rpc, options.project),
    token: (project) => ownToken(session.rpc, session.dir, project),
  };
}

async function remoteTarget(run: Run, given: string, options: TargetOption): Promise<Target> {
  const url = serverUrl(given);
  const { COGO_APIKEY: apikey, COGO_TOKEN: token } = run.io.env;
  if (!apikey) {
    throw new CommandError({
      code: 'bad_request',
      what: `There is no key for ${url}.`,
      todo: 'put the publishable or secret key into COGO_APIKEY, and a project token, if any, into COGO_TOKEN',
      exit: 2,
    });
  }
  const { dataApiRpc } = await import('@cogo/client/data_api_rpc.ts');
  const rpc = dataApiRpc({ url, apikey, ...(token ? { cogoToken: token } : {}) });
  const project = async () => {
    const slug = await slugOf(rpc, options, token);
    try {
      return await getProject({ rpc }, { project: slug });
    } catch (error) {
      if (!(error instanceof CommandError) || error.code !== 'not_found') throw error;
      throw new CommandError({
        code: 'not_found',
        what: `${url} has no project ${slug} that you may see.`,
        todo: token
          ? 'leave --project out: the token is of one project'
          : 'name it with --project, and put a token of it into COGO_TOKEN: a publishable key alone sees public projects only',
        exit: 2,
      });
    }
  };
  return {
    rpc,
    url,
    functions: `${url}/functions/v1`,
    apikey,
    project,
    // A token is of one project, which exists.
    ensureProject: token ? project : () => ensureProject(rpc, options.project),
    token: async () => token,
  };
}

/** A token says which project it is of, unless another is asked for. */
async function slugOf(rpc: Rpc, options: TargetOption, token: string | undefined): Promise<string> {
  if (!token || options.project !== DEFAULT_PROJECT) return options.project;
  const me = unwrap(await rpc.call<{ project_id?: string }>('whoami'), 'find out whose token COGO_TOKEN is');
  return me.project_id ?? options.project;
}

function serverUrl(given: string): string {
  // What stands before an @ or behind a ? may be a secret.
  const shown = given.replace(/\/\/[^/]*@/, '//…@').replace(/[?#].*$/s, '?…');
  const refuse = (why: string) =>
    new CommandError({
      code: 'bad_request',
      what: `--url ${shown} cannot be used.`,
      why,
      todo: 'give the address of the project, such as https://<ref>.supabase.co',
      exit: 2,
    });
  let url: URL;
  try {
    url = new URL(given);
  } catch {
    throw refuse('it is no URL');
  }
  if (url.username || url.password || url.search || url.hash) throw refuse('it has more than an address');
  const isLoopback = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback))
    throw refuse('keys travel by https only, but on this machine');
  return url.href.replace(/\/+$/, '');
}
