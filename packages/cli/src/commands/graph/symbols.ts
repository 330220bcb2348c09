import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { SymbolGraph } from '@cogo/knowledge/graph/symbol_graph.ts';
import type { GraphNode, GraphRelation, RelationKind } from '@cogo/knowledge/graph/symbols/symbol.ts';
import type { TypeChecker } from '@cogo/knowledge/graph/types/type_checker.ts';
import type { Walk } from '@cogo/knowledge/walk/candidates.ts';
import type { Command } from 'commander';
import { addCommand, type Host, type Outcome, type Run } from '../../command.ts';
import { CommandError } from '../../command_error.ts';
import { fraction, wholeNumber } from '../../numbers.ts';
import { repositoryFolder } from '../index_repo.ts';
import { withPictures } from './modules.ts';

interface Options {
  depth: number;
  callers?: boolean;
  callees?: boolean;
  minConfidence: number;
  dot?: boolean;
  mermaid?: boolean;
  untracked?: boolean;
  types?: boolean;
}

const IMPACT: RelationKind[] = ['calls', 'extends', 'implements', 'uses_type', 'references', 'imports'];

/** `cogo graph calls|impact|path`: questions about symbols, answered from the sources; needs no running stack. */
export function registerSymbols(host: Host, group: Command): void {
  addCommand<Options>(host, group, {
    name: 'calls <symbol> [path]',
    about: 'who calls a function, method or class, and what it calls',
    after: AFTER,
    options: (command) =>
      withWalk(command, 1).option('--callers', 'only who calls it').option('--callees', 'only what it calls'),
    action: async (run, options, [symbol = '', path]) => {
      const graph = await readSymbols(run, options, path);
      const targets = found(graph, symbol);
      const keys = targets.flatMap(({ key }) => graph.withMembers(key));
      const both = !options.callers && !options.callees;
      const walks = (['in', 'out'] as const)
        .filter((one) => both || (one === 'in' ? options.callers : options.callees))
        .map((direction) =>
          graph.walk(keys, {
            direction,
            kinds: ['calls'],
            depth: options.depth,
            minConfidence: options.minConfidence,
          }),
        );
      const depths = new Map(walks.flatMap((walk) => [...walk.depths]));
      return await outcome(
        graph,
        targets,
        depths,
        [...new Set(walks.flatMap((walk) => walk.edges))],
        options,
      );
    },
  });
  addCommand<Options>(host, group, {
    name: 'impact <symbol> [path]',
    about:
      'what may change with a symbol or a file: all that calls, extends, uses or imports it, transitively',
    after: AFTER,
    options: (command) => withWalk(command, 3),
    action: async (run, options, [symbol = '', path]) => {
      const graph = await readSymbols(run, options, path);
      const targets = found(graph, symbol);
      const keys = targets.flatMap(({ key }) => graph.withMembers(key));
      const { depths, edges } = graph.walk(keys, {
        direction: 'in',
        kinds: IMPACT,
        depth: options.depth,
        minConfidence: options.minConfidence,
      });
      return await outcome(graph, targets, depths, edges, options);
    },
  });
  addCommand<Options>(host, group, {
    name: 'path <from> <to> [path]',
    about: 'a shortest way from one symbol or file to another, along calls, imports and types',
    after: AFTER,
    options: (command) => withPictures(withReading(command)),
    action: async (run, options, [from = '', to = '', path]) => {
      const graph = await readSymbols(run, options, path);
      const [starts, goals] = [found(graph, from), found(graph, to)];
      const way = graph.path(
        starts.map(({ key }) => key),
        goals.map(({ key }) => key),
        IMPACT,
      );
      return {
        json: { ok: way !== undefined, found: way !== undefined, edges: way ?? [] },
        text: !way
          ? `Nothing leads from ${from} to ${to}.`
          : options.dot || options.mermaid
            ? await drawing(way, options)
            : [
                way[0]?.from ?? starts[0]!.key,
                ...way.map((edge) => `  ${edge.kind} ${edge.to}  ${placeOf(edge)}`),
              ].join('\n'),
        exit: way ? 0 : 2,
      };
    },
  });
}

const AFTER =
  'A symbol is a name (open), a qualified name (Box.open), a key (src/box.ts#Box.open) or a file. Exits 2 when there is none.';

function withReading(command: Command): Command {
  return command
    .option('--untracked', 'also files that git does not track and does not ignore')
    .option(
      '--types',
      'ask the type checker of the TypeScript 5 or 6 installed in the repository (runs it) where nothing else tells',
    );
}

function withWalk(command: Command, depth: number): Command {
  return withPictures(withReading(command))
    .option('--depth <n>', 'how many steps away', wholeNumber(1, 10), depth)
    .option('--min-confidence <x>', 'leave out what is less certain (0 to 1)', fraction, 0);
}

async function readSymbols(
  run: Run,
  options: { untracked?: boolean; types?: boolean },
  path: string | undefined,
): Promise<SymbolGraph> {
  const root = await realpath(await repositoryFolder(resolve(run.io.cwd, path ?? '.')));
  const { walkRepository } = await import('@cogo/knowledge/walk/walk_repository.ts');
  const { readIndexConfig } = await import('@cogo/knowledge/repo_config.ts');
  const { buildSymbolGraph } = await import('@cogo/knowledge/graph/symbol_graph.ts');
  const { config } = await readIndexConfig(root);
  const { signal } = run.io;
  const walk = await walkRepository({ root, ...config, untracked: options.untracked ?? false, signal });
  return await buildSymbolGraph(
    root,
    walk.candidates,
    signal,
    options.types ? await checker(root, walk) : undefined,
  );
}

async function checker(root: string, walk: Walk): Promise<TypeChecker> {
  const { typeChecker } = await import('@cogo/knowledge/graph/types/type_checker.ts');
  const made = typeChecker(
    root,
    walk.candidates.map(({ path }) => path),
  );
  if (made.ok) return made.value;
  throw new CommandError({
    code: made.error.code,
    what: made.error.message,
    todo: 'install TypeScript 5 or 6 in the repository, or leave out --types',
  });
}

function found(graph: SymbolGraph, name: string): GraphNode[] {
  const targets = graph.find(name).slice(0, 5);
  if (targets.length > 0) return targets;
  throw new CommandError({
    code: 'not_found',
    what: `There is no symbol or file ${name}.`,
    todo: 'give a name, a qualified name, a key like src/box.ts#Box.open, or a path relative to the repository',
    exit: 2,
  });
}

async function outcome(
  graph: SymbolGraph,
  targets: GraphNode[],
  depths: ReadonlyMap<string, number>,
  edges: GraphRelation[],
  options: Options,
): Promise<Outcome> {
  const nodes = [...depths].map(([key, depth]) => ({ ...graph.nodes.get(key)!, depth }));
  const json = { ok: true, targets, nodes, edges };
  if (options.dot || options.mermaid) return { json, text: await drawing(edges, options) };
  const lines = edges.map((edge) => {
    const sure = edge.confidence === 1 ? '' : ` (${edge.provenance} ${edge.confidence})`;
    return `  ${edge.from} ${edge.kind} ${edge.to}${sure}  ${placeOf(edge)}`;
  });
  const heads = targets.map((one) => `${one.key}  ${one.kind}  line ${one.start_line}`);
  return { json, text: [...heads, ...(lines.length > 0 ? lines : ['  nothing'])].join('\n') };
}

async function drawing(edges: readonly GraphRelation[], { dot }: { dot?: boolean }): Promise<string> {
  const { toDot, toMermaid } = await import('@cogo/knowledge/graph/render.ts');
  const drawn = edges.map(({ from, to, kind, confidence }) => ({
    from,
    to,
    ...(kind === 'calls' ? {} : { label: kind }),
    dashed: confidence <= 0.5,
  }));
  return dot ? toDot(drawn) : toMermaid(drawn);
}

function placeOf({ from, line, column }: GraphRelation): string {
  return `${from.split('#', 1)[0]}:${line}:${column}`;
}
