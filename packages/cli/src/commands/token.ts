import type { Command } from 'commander';
import { Option } from 'commander';
import {
  addCommand,
  addGroup,
  withData,
  withProject,
  type DataOption,
  type Host,
  type ProjectOption,
} from '../command.ts';
import { connect, getProject } from '../session/connect.ts';
import { table } from '../table.ts';
import { wholeNumber } from '../numbers.ts';
import { unwrap } from '../unwrap.ts';

interface ListedToken {
  id: string;
  kind: string;
  name: string;
  executor: string | null;
  prefix: string;
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
}

const DAY_S = 86_400;

/** `cogo token create|list|revoke` */
export function registerToken(host: Host, root: Command): void {
  const token = addGroup(root, 'token', 'tokens that act for a project');
  addCommand<ProjectOption & { kind: string; executor?: string; days?: number }>(host, token, {
    name: 'create <name>',
    about: 'make a token; it is shown once and kept only as a hash',
    options: (command) =>
      withProject(command)
        .addOption(
          new Option('--kind <kind>', 'what it is for').choices(['project', 'worker']).default('project'),
        )
        .addOption(
          new Option('--executor <lane>', 'lane of a worker token').choices(['cogo-work', 'cogo-plan']),
        )
        .option('--days <n>', 'expires after so many days (default: never)', wholeNumber(1, 3650)),
    action: async (run, options, [name]) => {
      const session = await connect(run, options);
      const project = await getProject(session, options);
      const made = unwrap(
        await session.rpc.call<{ id: string; token: string }>('create_token', {
          project_id: project.id,
          kind: options.kind,
          name,
          ...(options.executor ? { executor: options.executor } : {}),
          ...(options.days ? { expires_in_seconds: options.days * DAY_S } : {}),
        }),
        'make the token',
      );
      run.io.stderr.write('This is the only time the token is shown. It goes in the header x-cogo-token.\n');
      return { json: { ok: true, ...made }, text: made.token };
    },
  });
  addCommand<ProjectOption>(host, token, {
    name: 'list',
    about: 'the tokens of a project, without their secrets',
    options: withProject,
    action: async (run, options) => {
      const session = await connect(run, options);
      const project = await getProject(session, options);
      const rows = unwrap(
        await session.rpc.call<ListedToken[]>('list_tokens', { project_id: project.id }),
        'list the tokens',
      );
      const text = table(
        ['ID', 'KIND', 'LANE', 'PREFIX', 'STATE', 'NAME'],
        rows.map((row) => [
          row.id,
          row.kind,
          row.executor ?? '–',
          row.prefix,
          tokenState(row, Date.now()),
          row.name,
        ]),
      );
      return { json: { ok: true, tokens: rows }, text: rows.length > 0 ? text : 'No tokens yet.' };
    },
  });
  addCommand<DataOption>(host, token, {
    name: 'revoke <id>',
    about: 'a revoked token is refused from the next call on',
    options: withData,
    action: async (run, options, [id]) => {
      const { rpc } = await connect(run, options);
      const value = unwrap(await rpc.call('revoke_token', { id }), 'revoke the token');
      return { json: { ok: true, token: value }, text: `Revoked ${id}.` };
    },
  });
}

/** `valid`, `expired` or `revoked`, at `now` (ms since the epoch). */
export function tokenState(
  token: { expires_at: string | null; revoked_at: string | null },
  now: number,
): string {
  if (token.revoked_at) return 'revoked';
  return token.expires_at && Date.parse(token.expires_at) <= now ? 'expired' : 'valid';
}
