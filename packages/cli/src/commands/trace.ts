import { realpath } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { addCommand, addGroup, type Host, type ProjectOption, withProject } from '../command.ts';
import { CommandError } from '../command_error.ts';
import { connect, getProject } from '../session/connect.ts';
import { unwrap } from '../unwrap.ts';
import { repoName, repositoryFolder } from './index_repo.ts';

type Options = ProjectOption & { root?: string; repo?: string; dryRun?: boolean };

/** Calls in one request to the database. */
const BATCH = 5_000;

/** `cogo trace record -- CMD…` writes down who calls what; `cogo trace import FILE` weighs the call graph by it. */
export function registerTrace(host: Host, root: Command): void {
  const group = addGroup(root, 'trace', 'calls that were seen at run time');
  registerRecord(host, group);
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
      const read = await readTrace(resolve(run.io.cwd, file), folder, graph);
      if (!read.ok) {
        throw new CommandError({
          code: read.error.code,
          what: `${file} was not imported.`,
          why: read.error.message,
          todo: 'give a .cpuprofile, a coverage report or a call trace; `cogo trace record -- CMD` writes one',
          exit: 2,
        });
      }
      const trace = read.value;
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

function registerRecord(host: Host, group: Command): void {
  addCommand<{ root?: string; out: string }>(host, group, {
    name: 'record <command...>',
    about:
      'run a command and write down which function of the repository calls which, from where and how often',
    after:
      'cogo trace record -- npm test\ncogo trace import cogo-trace.jsonl\n\n' +
      'Every Node process of the command is watched (20.6 or later, also by tsx and in workers). The sources are changed\n' +
      'as they are loaded, so expect it to be slower. Only calls written in the repository to functions of the\n' +
      'repository count; packages are left alone, and what they or the platform call back is not a call.\n' +
      'A server is ended with Ctrl-C, and its calls are written then.\n' +
      'Exits 1 when the command failed (the calls are written all the same), 2 when no call was seen.',
    options: (command) =>
      command
        .option('--root <dir>', 'the repository (default: this folder)')
        .option('--out <file>', 'where the calls go', 'cogo-trace.jsonl'),
    action: async (run, options, command) => {
      const folder = await realpath(await repositoryFolder(resolve(run.io.cwd, options.root ?? '.')));
      const { recordRun, writeCalls } = await import('@cogo/knowledge/graph/record/record_run.ts');
      const { cwd, env, signal } = run.io;
      const recorded = await recordRun(command as [string, ...string[]], {
        root: folder,
        cwd,
        env,
        signal,
        ...(run.json ? { stdout: 'stderr' as const } : {}),
      });
      if (!recorded.ok) {
        throw new CommandError({
          code: recorded.error.code,
          what: 'Nothing was recorded.',
          why: recorded.error.message,
          todo: 'give the command as you would run it, after `--`',
          exit: 2,
        });
      }
      const { calls, threads, exit } = recorded.value;
      if (calls.length === 0) {
        throw new CommandError({
          code: 'no_data',
          what: `No call of the repository was seen; the command ended with ${exit}.`,
          why: `no Node process of it ran code below ${folder}, or none ended by itself`,
          todo: 'give the folder the code is in with --root, and see that the command runs the sources and not a built package',
          exit: 2,
        });
      }
      const out = resolve(cwd, options.out);
      await writeCalls(out, calls);
      const times = calls.reduce((sum, { count }) => sum + count, 0);
      const name = relative(cwd, out) || out;
      const failed = exit === 0 ? '' : `; the command ended with ${exit}`;
      run.io.stderr.write(
        `${calls.length} calls, ${times} times, of ${threads} processes and threads in ${name}${failed}\n`,
      );
      return {
        json: { ok: exit === 0, file: out, calls: calls.length, times, threads, exit },
        exit: exit === 0 ? 0 : 1,
      };
    },
  });
}
