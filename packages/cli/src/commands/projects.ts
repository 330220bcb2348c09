import type { Command } from 'commander';
import { addCommand, addGroup, withData, type DataOption, type Host } from '../command.ts';
import { connect } from '../session/connect.ts';
import { table } from '../table.ts';
import { unwrap } from '../unwrap.ts';

interface ListedProject {
  id: string;
  slug: string;
  name: string;
  visibility: string;
  created?: boolean;
}

/** `cogo projects list|create` */
export function registerProjects(host: Host, root: Command): void {
  const projects = addGroup(root, 'projects', 'the projects of the stack');
  addCommand<DataOption>(host, projects, {
    name: 'list',
    about: 'all projects',
    options: withData,
    action: async (run, options) => {
      const { rpc } = await connect(run, options);
      const rows = unwrap(await rpc.call<ListedProject[]>('list_projects'), 'list the projects');
      const text = table(
        ['SLUG', 'VISIBILITY', 'NAME', 'ID'],
        rows.map((row) => [row.slug, row.visibility, row.name, row.id]),
      );
      return { json: { ok: true, projects: rows }, text: rows.length > 0 ? text : 'No projects yet.' };
    },
  });
  addCommand<DataOption & { name?: string; public?: boolean }>(host, projects, {
    name: 'create <slug>',
    about: 'make a project; an existing one is left as it is',
    options: (command) =>
      withData(command)
        .option('--name <name>', 'name (default: the slug)')
        .option('--public', 'readable by anyone with the publishable key'),
    action: async (run, options, [slug]) => {
      const { rpc } = await connect(run, options);
      const made = unwrap(
        await rpc.call<ListedProject>('create_project', {
          name: options.name ?? slug,
          slug,
          visibility: options.public ? 'public' : 'private',
        }),
        `make the project ${slug}`,
      );
      const text =
        made.created === false
          ? `${made.slug} was there already (${made.id}).`
          : `Made ${made.slug} (${made.id}).`;
      return { json: { ok: true, project: made }, text };
    },
  });
}
