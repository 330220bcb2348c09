import type { Command } from 'commander';
import { addCommand, type Host } from '../../command.ts';
import { drawing, readGraph, type SourceOption, withPictures, withSources } from './modules.ts';

/** `cogo graph export`: every edge, to be held against other tools. */
export function registerExport(host: Host, group: Command): void {
  addCommand<SourceOption & { dot?: boolean; mermaid?: boolean }>(host, group, {
    name: 'export [path]',
    about: 'every edge: {from, to, kind, provenance, confidence, position}, paths relative to the repository',
    after: 'Without --json: one tab-separated line an edge. Exits 2 when the folder has no code.',
    options: (command) => withPictures(withSources(command)),
    action: async (run, options, [path]) => {
      const graph = await readGraph(run, options, path);
      return {
        json: {
          ok: true,
          commit: graph.walk.commit ?? null,
          files: graph.files,
          entries: graph.entry.entries,
          /** Steps from the nearest entry; of files that one reaches. */
          entry_distance: Object.fromEntries(graph.distances),
          edges: graph.edges,
          unresolved: graph.unresolved,
          external: graph.external,
        },
        text:
          options.dot || options.mermaid
            ? await drawing(graph.edges, options)
            : graph.edges
                .map(({ from, to, kind, provenance, confidence, position }) =>
                  [from, to, kind, provenance, confidence, `${position.line}:${position.column}`].join('\t'),
                )
                .join('\n'),
        exit: graph.files.length === 0 ? 2 : 0,
      };
    },
  });
}
