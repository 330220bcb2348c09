import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { IndexReport } from '@cogo/knowledge/indexer.ts';
import type { Rpc } from '@cogo/client/rpc.ts';
import type { Command } from 'commander';
import { addCommand, withProject, type Host, type ProjectOption } from '../command.ts';
import { CommandError } from '../command_error.ts';
import type { Progress } from '../progress.ts';
import { connect, ensureProject } from '../session/connect.ts';
import { unwrap } from '../unwrap.ts';

/** `cogo index PATH`: brings the index of a repository up to date. */
export function registerIndex(host: Host, root: Command): void {
  addCommand<ProjectOption & { repo?: string; dryRun?: boolean; untracked?: boolean }>(host, root, {
    name: 'index [path]',
    about: 'index a repository (default: this folder); only what changed is read again',
    options: (command) =>
      withProject(command)
        .option('--repo <name>', 'name of the repository in the project (default: its folder)')
        .option('--untracked', 'also files that git does not track and does not ignore')
        .option('--dry-run', 'read and compare, write nothing'),
    action: async (run, options, [path]) => {
      const folder = await repositoryFolder(resolve(run.io.cwd, path ?? '.'));
      const session = await connect(run, options);
      const project = await ensureProject(session.rpc, options.project);
      const report = await indexWithProgress({
        root: folder,
        repo: options.repo ?? repoName(folder),
        projectId: project.id,
        rpc: session.rpc,
        signal: run.io.signal,
        progress: run.progress,
        dryRun: options.dryRun ?? false,
        untracked: options.untracked ?? false,
      });
      for (const { path: file, why } of report.warnings)
        run.io.stderr.write(`warning: ${file ? `${file}: ` : ''}${why}\n`);
      return {
        json: { ok: true, ...report },
        text: indexText(report),
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
