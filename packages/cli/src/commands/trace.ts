import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { addCommand, addGroup, type Host, type ProjectOption, withProject } from '../command.ts';
import { connect, getProject } from '../session/connect.ts';
import { unwrap } from '../unwrap.ts';
import { repoName, repositoryFolder } from './index_repo.ts';

type Options = ProjectOption & { root?: string; repo?: string; dryRun?: boolean };

/** Calls in one request to the database. */
const BATCH = 5_000;

/** `cogo trace import FILE`: weighs the call graph by what was seen to run. */
export function registerTrace(host: Host, root: Command): void {
  const group = addGroup(root, 'trace', 'calls that were seen at run time');
  addCommand<Options>(host, group, {
    name: 'import <file>',
    about:
      'add the calls of a V8 .cpuprofile, a coverage report (V8 or Istanbul) or a call trace (.jsonl) to the graph',
    after:
      'A seen call weighs ln(1 + count), halved every 30 days; calls not seen stay as they are.\n' +
      'Exits 2 when the file is no trace, or holds no call of the repository.',
    options: (command) =>
      withProject(command)
        .option('--root <dir>', 'the repository the trace is of (default: this folder)')
        .option('--repo <name>', 'name of the repository in the project (default: its folder)')
        .option('--dry-run', 'read the trace and print the calls; needs no running stack'),
    action: async (run, options, [file = '']) => {
      const folder = await realpath(await repositoryFolder(resolve(run.io.cwd, options.root ?? '.')));
      const { signal } = run.io;
      const { walkRepository } = await import('@cogo/knowledge/walk/walk_repository.ts');
      const { readIndexConfig } = await import('@cogo/knowledge/repo_config.ts');
      const { buildSymbolGraph } = await import('@cogo/knowledge/graph/symbol_graph.ts');
      const { readTrace } = await import('@cogo/knowledge/graph/runtime/trace.ts');
      const session = options.dryRun ? undefined : await connect(run, options);
      const project = session ? await getProject(session, options) : undefined;
      const { config } = await readIndexConfig(folder);
      const walk = await walkRepository({ root: folder, ...config, signal });
      const graph = await buildSymbolGraph(folder, walk.candidates, signal);
      const trace = unwrap(await readTrace(resolve(run.io.cwd, file), folder, graph), `import ${file}`);
      const calls = trace.calls.sort((a, b) => b.count - a.count);
      let fresh = 0;
      for (let at = 0; session && project && at < calls.length; at += BATCH) {
        const put = await session.rpc.call<{ new: number }>('trace_put', {
          project_id: project.id,
          repo: options.repo ?? repoName(folder),
          calls: calls.slice(at, at + BATCH),
          observed_at: trace.observedAt,
        });
        fresh += unwrap(put, 'store the calls').new;
      }
      const none = calls.length === 0;
      const summary = `${calls.length} calls from a ${trace.kind}${session ? `, ${fresh} new` : ''}; ${trace.unknown} places outside the repository`;
      const lines = options.dryRun ? calls.map(({ from, to, count }) => `${count}\t${from}\t${to}`) : [];
      return {
        json: { ok: !none, ...trace, ...(session ? { new: fresh } : {}) },
        text: [...lines, summary].join('\n'),
        exit: none ? 2 : 0,
      };
    },
  });
}
