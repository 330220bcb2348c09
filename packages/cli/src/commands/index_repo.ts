import { realpath, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { Decision, IndexReport } from '@cogo/knowledge/indexer.ts';
import type { Rpc } from '@cogo/client/rpc.ts';
import type { Command } from 'commander';
import { addCommand, type Host, type Run } from '../command.ts';
import { CommandError } from '../command_error.ts';
import { duration, type Progress } from '../progress.ts';
import { openTarget, withTarget, type TargetOption } from '../session/target.ts';
import { table } from '../table.ts';
import { unwrap } from '../unwrap.ts';

type Options = TargetOption & {
  repo?: string;
  dryRun?: boolean;
  untracked?: boolean;
  watch?: boolean;
  since?: string;
  entry?: string[];
  types?: boolean;
};

/** `cogo index PATH`: brings the index of a repository up to date. */
export function registerIndex(host: Host, root: Command): void {
  addCommand<Options>(host, root, {
    name: 'index [path]',
    about: 'index a repository (default: this folder); only what changed is read again',
    options: (command) =>
      withTarget(command)
        .option('--repo <name>', 'name of the repository in the project (default: its folder)')
        .option('--untracked', 'also files that git does not track and does not ignore')
        .option('--since <rev>', 'read only what differs from this git revision')
        .option(
          '--entry <file...>',
          'where the program begins (default: cogo.config.json, else package.json)',
        )
        .option(
          '--types',
          "ask the type checker of the repository's TypeScript 5 or 6 (runs it) where nothing else tells what is called; for the files that are read",
        )
        .option('--watch', 'go on with every change until Ctrl-C; with --json one line a run')
        .option('--dry-run', 'read and compare, write nothing; says what of each file and why'),
    action: async (run, options, [path]) => {
      const folder = await repositoryFolder(resolve(run.io.cwd, path ?? '.'));
      const target = await openTarget(run, options);
      const project = await target.ensureProject();
      const what = {
        root: folder,
        repo: options.repo ?? repoName(folder),
        projectId: project.id,
        rpc: target.rpc,
        signal: run.io.signal,
        untracked: options.untracked ?? false,
        ...(options.entry ? { entries: options.entry } : {}),
      };
      if (options.watch) {
        await watchWithProgress(run, what);
        return { json: undefined };
      }
      const report = await indexWithProgress({
        ...what,
        progress: run.progress,
        dryRun: options.dryRun ?? false,
        types: options.types ?? false,
        ...(options.since ? { since: options.since } : {}),
      });
      for (const { path: file, why } of report.warnings)
        run.io.stderr.write(`warning: ${file ? `${file}: ` : ''}${why}\n`);
      return {
        json: { ok: true, ...report },
        text: report.decisions
          ? `${decisionTable(report.decisions)}\n${indexText(report)}`
          : indexText(report),
        exit: report.files + report.unchanged === 0 ? 2 : 0,
      };
    },
  });
}

export interface IndexRun {
  root: string;
  repo: string;
  projectId: string;
  rpc: Rpc;
  signal: AbortSignal;
  progress: Progress;
  dryRun?: boolean;
  untracked?: boolean;
  since?: string;
  entries?: string[];
  types?: boolean;
}

/** Indexes with a moving progress line. Throws CommandError. */
export async function indexWithProgress(o: IndexRun): Promise<IndexReport> {
  const { indexRepository } = await import('@cogo/knowledge/indexer.ts');
  const step = o.progress.step(`index ${o.repo}`);
  try {
    const report = unwrap(
      await indexRepository({
        root: o.root,
        repo: o.repo,
        projectId: o.projectId,
        rpc: o.rpc,
        signal: o.signal,
        dryRun: o.dryRun ?? false,
        untracked: o.untracked ?? false,
        ...(o.since ? { since: o.since } : {}),
        ...(o.entries ? { entries: o.entries } : {}),
        types: o.types ?? false,
        onProgress: ({ phase, filesDone, filesTotal, chunksWritten }) =>
          step.update(
            filesTotal === 0 ? phase : `${phase} ${filesDone}/${filesTotal} files, ${chunksWritten} chunks`,
          ),
      }),
      `index ${o.root}`,
    );
    step.done(indexText(report));
    return report;
  } catch (error) {
    step.fail();
    throw error;
  }
}

/** Follows the folder until Ctrl-C, with a line a run. */
async function watchWithProgress(run: Run, what: Omit<IndexRun, 'progress' | 'dryRun'>): Promise<void> {
  const { watchRepository } = await import('@cogo/knowledge/watch/watch_repository.ts');
  const { root, ...rest } = what;
  await watchRepository({
    ...rest,
    root: await realpath(root),
    onTrouble: (why) => run.io.stderr.write(`warning: ${why}\n`),
    onRun(result, changed) {
      if (run.json) {
        run.io.stdout.write(
          `${JSON.stringify(result.ok ? { ok: true, ...result.value } : { ok: false, ...result.error })}\n`,
        );
        return;
      }
      if (!result.ok)
        return run.progress.line(
          `✗ ${result.error.message} [${result.error.code}]; the next change tries again`,
        );
      const { added, changed: edited, deleted } = result.value;
      if (changed === 'all' || added + edited + deleted > 0)
        run.progress.line(`✓ ${indexText(result.value)} in ${duration(result.value.ms)}`);
    },
  });
}

const EXAMPLES = 3;

/** What the policy takes and leaves, by reason, with examples; `--json` lists every file. */
export function decisionTable(decisions: Decision[]): string {
  const groups = new Map<string, { taken: boolean; why: string; paths: string[] }>();
  for (const { path, taken, why } of decisions) {
    // 'larger than 1 MB (3.4 MB)' and the like are one rule
    const rule = taken ? why : why.replace(/ \(.*\)$/, '');
    const key = `${taken} ${rule}`;
    const group = groups.get(key) ?? { taken, why: rule, paths: [] };
    group.paths.push(path);
    groups.set(key, group);
  }
  const rows = [...groups.values()]
    .sort((a, b) => Number(b.taken) - Number(a.taken) || b.paths.length - a.paths.length)
    .map(({ taken, why, paths }) => [
      taken ? 'taken' : 'left out',
      why,
      String(paths.length),
      `${paths.slice(0, EXAMPLES).join(', ')}${paths.length > EXAMPLES ? ', …' : ''}`,
    ]);
  return table(['', 'WHY', 'FILES', 'SUCH AS'], rows);
}

/** `120 files, 900 chunks (3 added, 1 changed, 116 unchanged, 0 deleted, 2 skipped)` */
export function indexText(report: IndexReport): string {
  const { files, chunks, added, changed, unchanged, deleted, skipped } = report;
  return `${files} files, ${chunks} chunks (${added} added, ${changed} changed, ${unchanged} unchanged, ${deleted} deleted, ${skipped.length} skipped)`;
}

/** Checks that the path is a folder, before anything is started for it. */
export async function repositoryFolder(path: string): Promise<string> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => error);
  if (!(found instanceof Error) && found.isDirectory()) return path;
  throw new CommandError({
    code: 'not_found',
    what: `${path} is not a folder that can be read.`,
    why: found instanceof Error ? ((found as NodeJS.ErrnoException).code ?? found.message) : 'it is a file',
    todo: 'give the folder of a repository',
    exit: 2,
  });
}

/** Name of a repository by its folder. */
export function repoName(folder: string): string {
  return basename(resolve(folder)) || 'root';
}
