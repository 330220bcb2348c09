import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { CallGraphReport } from '@cogo/knowledge/eval/callgraph.ts';
import type { Estimate } from '@cogo/knowledge/eval/bootstrap.ts';
import type { Command } from 'commander';
import { addCommand, type Host } from '../command.ts';
import { table } from '../table.ts';
import { repositoryFolder } from './index_repo.ts';

/** `cogo eval callgraph --dir D`: the static call graph against recorded executions. Needs no database. */
export function registerEvalCallgraph(host: Host, group: Command): void {
  addCommand<{ dir: string; traces?: string; types?: boolean; out?: string; verbose?: boolean }>(
    host,
    group,
    {
      name: 'callgraph',
      about: 'compare the static call graph with recorded ones (JSON as jelly writes it, sources beside it)',
      after: 'Exits 2 when the folder has no call graph.',
      options: (command) =>
        command
          .requiredOption(
            '--dir <dir>',
            'folder with *.json ({files, functions, calls, call2fun}) and their sources',
          )
          .option(
            '--traces <dir>',
            'folder with NAME.cpuprofile, NAME.coverage.json or NAME.jsonl for NAME.json: also score the graph of symbols with what they saw',
          )
          .option(
            '--types',
            'also score the graph of symbols with the type checker of the TypeScript installed there (runs it)',
          )
          .option('--verbose', 'list the edges that are missing and those nobody recorded')
          .option('--out <file>', 'write the report as JSON as well'),
      action: async (run, options) => {
        const folder = await repositoryFolder(resolve(run.io.cwd, options.dir));
        const { evalCallGraph } = await import('@cogo/knowledge/eval/callgraph.ts');
        const step = run.progress.step('eval callgraph');
        const traces = options.traces && (await repositoryFolder(resolve(run.io.cwd, options.traces)));
        const report = await evalCallGraph(folder, (note) => step.update(note), {
          traces,
          types: options.types,
        });
        step.done();
        if (options.out)
          await writeFile(resolve(run.io.cwd, options.out), `${JSON.stringify(report, null, 2)}\n`);
        const rows = report.files.map((one) => [
          one.file,
          ...[one.truth, one.found, one.common].map(String),
          one.recall.toFixed(3),
          one.precision.toFixed(3),
        ]);
        const edges = report.files.flatMap((one) => [
          ...one.missing.map((edge) => `missing  ${edge}`),
          ...one.extra.map((edge) => `extra    ${edge}`),
        ]);
        const text = [
          table(['file', 'recorded', 'found', 'common', 'recall', 'precision'], rows),
          ...(options.verbose ? edges : []),
          ...report.skipped.map(({ file, why }) => `skipped ${file}: ${why}`),
          ...(report.symbols ? [symbolText(report.symbols)] : []),
          ...(report.merged
            ? [
                `call by call with traces: recall ${report.merged.recall.toFixed(3)}, precision ${report.merged.precision.toFixed(3)}`,
              ]
            : []),
          `recall ${shown(report.recall)}, precision ${shown(report.precision)}: ${report.files.length} call graphs, ${report.truth} recorded edges, ${report.found} found, ${report.common} common, ${report.ms} ms`,
        ].join('\n');
        const none = report.files.length === 0;
        return {
          json: { ok: !none, ...report },
          text: none ? 'No call graph in the folder.' : text,
          exit: none ? 2 : 0,
        };
      },
    },
  );
}

function symbolText({
  truth,
  traces,
  static: plain,
  merged,
}: NonNullable<CallGraphReport['symbols']>): string {
  const side = (one: typeof plain) =>
    `recall ${one.recall.toFixed(3)}, precision ${one.precision.toFixed(3)}`;
  return `between symbols: ${side(plain)}; with ${traces} traces: ${side(merged)}; ${truth} recorded`;
}

function shown({ mean, low, high }: Estimate): string {
  return `${mean.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
}
