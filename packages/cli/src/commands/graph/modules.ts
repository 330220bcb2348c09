import { realpath } from 'node:fs/promises';
import { relative, resolve, sep } from 'node:path';
import type { ModuleEdge } from '@cogo/knowledge/graph/edge.ts';
import type { RepositoryGraph } from '@cogo/knowledge/graph/repository_graph.ts';
import { type Command, Option } from 'commander';
import { addCommand, type Host, type Outcome, type Run } from '../../command.ts';
import { CommandError } from '../../command_error.ts';
import { repositoryFolder } from '../index_repo.ts';

export interface SourceOption {
  untracked?: boolean;
  entry?: string[];
}

interface Options extends SourceOption {
  dot?: boolean;
  mermaid?: boolean;
  cycles?: boolean;
}

/** Options of every command that reads a repository's sources. */
export function withSources(command: Command): Command {
  return command
    .option('--untracked', 'also files that git does not track and does not ignore')
    .option('--entry <file...>', 'where the program begins (default: `entries` of cogo.config.json)');
}

/** Reads the module graph of the folder asked for, with a progress line. */
export async function readGraph(
  run: Run,
  options: SourceOption,
  path: string | undefined,
): Promise<RepositoryGraph> {
  const folder = await repositoryFolder(resolve(run.io.cwd, path ?? '.'));
  const root = await realpath(folder);
  const { repositoryGraph } = await import('@cogo/knowledge/graph/repository_graph.ts');
  const entries = options.entry?.map((one) => {
    const inside = relative(root, resolve(run.io.cwd, one)).split(sep).join('/');
    return inside.startsWith('../') ? one.replace(/^\.\//, '') : inside;
  });
  const graph = await repositoryGraph({
    root,
    untracked: options.untracked ?? false,
    entries,
    signal: run.io.signal,
  });
  const unknown = entries?.find((one) => !graph.files.includes(one));
  if (unknown === undefined) return graph;
  throw new CommandError({
    code: 'not_found',
    what: `The entry ${unknown} is no code file of ${root}.`,
    todo: 'give a file that git tracks (or add --untracked), relative to this folder or to the repository',
    exit: 2,
  });
}

/** Pictures instead of text; one of them. */
export function withPictures(command: Command): Command {
  return command
    .addOption(new Option('--dot', 'print Graphviz').conflicts('mermaid'))
    .addOption(new Option('--mermaid', 'print a Mermaid flowchart'));
}

/** `cogo graph modules`: which file imports which. */
export function registerModules(host: Host, group: Command): void {
  addCommand<Options>(host, group, {
    name: 'modules [path]',
    about:
      'which file imports which, what could not be resolved and why, and how far each file is from an entry',
    after:
      'Exits 2 when the folder has no code; with --cycles, exits 1 when files import each other in a circle at run time.',
    options: (command) => withPictures(withSources(command)).option('--cycles', 'only the circles'),
    action: async (run, options, [path]) => {
      const graph = await readGraph(run, options, path);
      const { moduleCycles } = await import('@cogo/knowledge/graph/cycles.ts');
      const { edgeKinds } = await import('@cogo/knowledge/graph/modules/module_graph.ts');
      const cycles = moduleCycles(graph.edges);
      for (const { path: file, why } of graph.warnings)
        run.io.stderr.write(`warning: ${file ? `${file}: ` : ''}${why}\n`);
      if (options.cycles) {
        const text = cycles.map(
          (one) => `${one.runtime ? '' : '(types only) '}${[...one.path, one.path[0]].join(' -> ')}`,
        );
        return {
          json: { ok: true, cycles },
          text: text.join('\n') || 'No circles.',
          exit: cycles.some((one) => one.runtime) ? 1 : 0,
        };
      }
      const outcome = {
        json: {
          ok: true,
          files: graph.files.map((file) => ({ path: file, distance: graph.distances.get(file) ?? null })),
          edges: graph.edges,
          unresolved: graph.unresolved,
          external: graph.external,
          cycles,
          entries: graph.entry,
          warnings: graph.warnings,
          counts: { files: graph.files.length, edges: graph.edges.length, ...edgeKinds(graph.edges) },
          ms: graph.ms,
        },
        exit: graph.files.length === 0 ? 2 : 0,
      } satisfies Outcome;
      if (options.dot || options.mermaid) return { ...outcome, text: await drawing(graph.edges, options) };
      return { ...outcome, text: graphText(graph, cycles.length) };
    },
  });
}

export async function drawing(edges: ModuleEdge[], options: { dot?: boolean }): Promise<string> {
  const { toDot, toMermaid } = await import('@cogo/knowledge/graph/render.ts');
  const drawn = edges.map(({ from, to, kind, confidence }) => ({
    from,
    to,
    ...(kind === 'static' ? {} : { label: kind === 'maybe' ? `maybe ${confidence}` : kind }),
    dashed: kind === 'maybe' || kind === 'type',
  }));
  return options.dot ? toDot(drawn) : toMermaid(drawn);
}

/** Edges by file, as a person reads them. */
function graphText(graph: RepositoryGraph, cycles: number): string {
  const byFile = new Map<string, string[]>();
  const note = (from: string, line: string) => byFile.set(from, [...(byFile.get(from) ?? []), line]);
  for (const { from, to, kind, confidence } of graph.edges) {
    note(from, `  ${kind.padEnd(8)} ${to}${confidence < 1 ? `  (${confidence})` : ''}`);
  }
  const own = graph.unresolved.filter(({ reason }) => reason !== 'not_installed');
  for (const { from, specifier, reason, detail } of own) {
    note(from, `  ?        ${specifier}: ${reason}${detail ? `, ${detail}` : ''}`);
  }
  const lines = [...byFile].map(([file, rows]) => `${file}${distanceText(graph, file)}\n${rows.join('\n')}`);
  const notInstalled = graph.unresolved.length - own.length;
  lines.push(
    `${graph.files.length} files, ${graph.edges.length} edges, ${own.length} unresolved, ${notInstalled} imports of packages that are not installed, ${cycles} circles, ${graph.ms} ms`,
  );
  return lines.join('\n');
}

function distanceText(graph: RepositoryGraph, file: string): string {
  const distance = graph.distances.get(file);
  return distance === undefined ? '' : distance === 0 ? '  [entry]' : `  [${distance} from an entry]`;
}
