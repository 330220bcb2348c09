import { realpath, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Rpc } from '@cogo/client/rpc.ts';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { entryFiles } from './graph/repository_graph.ts';
import { graphReader } from './graph/symbols/file_graph.ts';
import { isCurrent } from './document.ts';
import { typeChecker } from './graph/types/type_checker.ts';
import { beginRun, type KnownFile, mayBeResumed, type OpenRun, publishRun } from './index_run.ts';
import { indexWriter } from './index_writer.ts';
import { emptyReport, inOrder, type IndexProgress, type IndexReport, note } from './index_report.ts';
import { readDocuments } from './read_documents.ts';
import { relinkDependents, surfaceChanges } from './relink.ts';
import { readIndexConfig } from './repo_config.ts';
import { type IndexMemory, memoryFor } from './index_memory.ts';
import type { Walk } from './walk/candidates.ts';
import { sinceScope } from './walk/since_scope.ts';
import { walkRepository } from './walk/walk_repository.ts';

export interface IndexOptions {
  /** Folder to index: a git repository, a folder inside one, or any folder. */
  root: string;
  /** Name the repository has in the project; a second run under the same name replaces the first. */
  repo: string;
  /** uuid */
  projectId: string;
  rpc: Rpc;
  onProgress?: (progress: IndexProgress) => void;
  signal?: AbortSignal;
  /** Reads and compares, writes nothing. */
  dryRun?: boolean;
  /**
   * Only these files, as stored (relative, `/`, NFC); all others stay as they are in the index. One that is no longer
   * there, or no longer one to index, leaves it.
   */
  paths?: string[];
  /**
   * Only files that differ from this revision or from the commit the index is of; as `paths`. All files, with a warning, where the
   * index is not of a commit alone.
   */
  since?: string;
  /** Untracked files that are not ignored count too. Default: tracked files only. */
  untracked?: boolean;
  /** Runs the type checker of the repository's TypeScript for calls nothing else shows; of files that are read. */
  types?: boolean;
  /** Where the program begins, relative to the root; default: as `chooseEntries` says. */
  entries?: string[];
  /** Of a program that indexes the same folder again and again and is told of every change: what runs hand on. */
  memory?: IndexMemory;
}

export type { Decision, IndexProgress, IndexReport } from './index_report.ts';

/**
 * Brings the index of one repository up to date. Only what changed is read into chunks; nothing of a run shows before
 * it is published as a whole. A run that is stopped by the signal, or whose process dies, is gone on with by the next one of the same
 * repository. A file that fails is skipped with its reason. Errors: `not_found` no such folder, `aborted` by the signal, and what `index_*` raise.
 */
export async function indexRepository(options: IndexOptions): Promise<Result<IndexReport>> {
  const started = performance.now();
  const { rpc, signal, projectId, repo } = options;
  let chunksWritten = 0;
  let memory: IndexMemory | undefined;
  try {
    const root = await folder(options.root);
    if (!root.ok) return root;
    const { config, warning } = await readIndexConfig(root.value);
    progress('walk', 0, 0);
    const call = signal ? { signal } : {};
    memory =
      options.dryRun || options.types
        ? undefined
        : await memoryFor(options.memory, root.value, options.paths);
    const [walked, files] = await Promise.all([
      memory?.walk ??
        walkRepository({
          root: root.value,
          ...config,
          untracked: options.untracked ?? false,
          status: !options.paths && !options.dryRun,
          signal,
        }),
      rpc.call<KnownFile[]>('index_files', { project_id: projectId, repo }, call),
    ]);
    // after the walk: what is checked out in between differs from the commit that the walk saw, and shows at the end
    const since =
      options.since === undefined
        ? undefined
        : await sinceScope({ root: root.value, rev: options.since, rpc, projectId, repo, signal });
    if (since && !since.ok) return since;
    if (!files.ok) return files;
    const only = options.paths ? new Set(options.paths) : since?.value.paths;
    // what another version of the indexer wrote is read again whatever changed
    if (only && !options.paths)
      for (const { path, extractor } of files.value)
        if (!isCurrent(extractor, path, options.types === true)) only.add(path);
    const walk = only ? restricted(walked, only) : walked;
    const report = emptyReport(walk, warning);
    if (since?.value.why !== undefined)
      report.warnings.push({
        why: `--since ${options.since}: every file was compared, for ${since.value.why}`,
      });
    if (options.dryRun) report.decisions = [];
    const known = new Map(
      files.value.filter((file) => only?.has(file.path) ?? true).map((file) => [file.path, file]),
    );
    const indexed = new Map(files.value.map((file) => [file.path, file]));
    const written = await run(walk, walked, known, indexed, report);
    if (!written.ok) return written;
    if (report.decisions) report.decisions = inOrder(report.decisions, report.skipped);
    return ok({ ...report, ms: Math.round(performance.now() - started) });
  } catch (error) {
    if (signal?.aborted) return failure('aborted', 'Indexing was stopped; the index is as it was before.');
    throw error;
  }

  function progress(
    phase: IndexProgress['phase'],
    filesDone: number,
    filesTotal: number,
    path?: string,
  ): void {
    options.onProgress?.({
      phase,
      filesDone,
      filesTotal,
      chunksWritten,
      ...(path === undefined ? {} : { path }),
    });
  }

  async function run(
    walk: Walk,
    walked: Walk,
    known: ReadonlyMap<string, KnownFile>,
    indexed: ReadonlyMap<string, KnownFile>,
    report: IndexReport,
  ): Promise<Result<void>> {
    // A run over named files cannot tell which of the others an open run's are still true, and begins anew.
    const begun = options.dryRun ? undefined : await beginRun(options, walk, !options.paths);
    if (begun && !begun.ok) return begun;
    if (begun?.value.files && walk !== walked) {
      report.skipped = [...walked.skipped];
      report.warnings.push({
        why: `--since ${options.since}: every file was compared, for a run that was stopped is gone on with`,
      });
      return await runTo(begun.value, walked, walked, indexed, indexed, report);
    }
    return await runTo(begun?.value, walk, walked, known, indexed, report);
  }

  async function runTo(
    begun: OpenRun | undefined,
    walk: Walk,
    walked: Walk,
    known: ReadonlyMap<string, KnownFile>,
    indexed: ReadonlyMap<string, KnownFile>,
    report: IndexReport,
  ): Promise<Result<void>> {
    const runId = begun?.run_id;
    const already = new Map((begun?.files ?? []).map((file) => [file.path, file]));
    const result = await write(runId, walk, walked, known, indexed, already, report).catch(
      (error: unknown) => {
        if (signal?.aborted)
          return failure('aborted', 'Indexing was stopped; the index is as it was before.');
        return failure(
          'internal',
          `Indexing failed: ${error instanceof Error ? error.message : String(error)}`,
        );
      },
    );
    if (!result.ok && runId !== undefined && signal?.aborted) {
      // Without the caller's signal, which has aborted. When it fails, the next run takes this one for dead and goes on with it too.
      await rpc.call('index_suspend', { run_id: runId });
    } else if (!result.ok && runId !== undefined && !mayBeResumed(result.error.code)) {
      // Best effort and without the caller's signal: the next run would deal with it as well.
      await rpc.call('index_abort', { run_id: runId, reason: result.error.message });
    }
    if (result.ok && begun) report.generation = begun.generation;
    return result;
  }

  async function write(
    runId: string | undefined,
    walk: Walk,
    walked: Walk,
    known: ReadonlyMap<string, KnownFile>,
    indexed: ReadonlyMap<string, KnownFile>,
    already: ReadonlyMap<string, KnownFile>,
    report: IndexReport,
  ): Promise<Result<void>> {
    const place = await realpath(options.root);
    const paths = walked.candidates.map(({ path }) => path);
    const types = options.types && runId !== undefined ? typeChecker(place, paths) : undefined;
    if (types && !types.ok) report.warnings.push({ why: types.error.message });
    const graph =
      runId === undefined
        ? undefined
        : (memory?.graph ?? graphReader(place, paths, types?.ok ? types.value : undefined));
    // whether it is clean, only the run that asked knows
    if (memory) Object.assign(memory, { walk: { ...walked, isClean: false }, graph });
    const writer =
      runId === undefined
        ? undefined
        : indexWriter({
            rpc,
            runId,
            signal,
            onRefused: (path, why) => {
              report.skipped.push({ path, why });
              if (known.has(path)) report.changed -= 1;
              else report.added -= 1;
            },
            onGraphRefused: (path, why) => report.warnings.push({ path, why }),
            onWritten: (rows) => {
              for (const row of rows) chunksWritten += row.chunks.length;
            },
          });
    const kept = new Set<string>();
    const put = new Set<string>();
    const changes = surfaceChanges();
    let done = 0;
    const compared = new Map([...known, ...already]);
    const entries = await entryFiles(place, walked.candidates, options.entries);
    for await (const document of readDocuments(walk.candidates, compared, { signal, graph, entries })) {
      done += 1;
      note(document, kept, known, already, report);
      if (document.kind === 'row') {
        const added = await writer?.add(document.row, document.graph);
        if (added && !added.ok) return added;
        put.add(document.path);
        changes.read(document.path, known.get(document.path), document.graph?.surface);
      } else if (document.kind === 'unchanged' && already.has(document.path)) {
        // put before the run was put by; what it was like then is not known here
        changes.read(document.path, known.has(document.path) ? { surface: '' } : undefined, undefined);
      }
      progress('read', done, walk.candidates.length, document.path);
    }
    const flushed = await writer?.flush();
    if (flushed && !flushed.ok) return flushed;
    const deleted = [...compared.keys()].filter((path) => !kept.has(path));
    report.deleted = deleted.filter((path) => known.has(path)).length;
    report.skipped.sort((a, b) => (a.path < b.path ? -1 : 1));
    if (runId === undefined || !graph || !writer) return ok(undefined);
    progress('publish', done, walk.candidates.length);
    if (report.added + report.changed + deleted.length > 0) {
      if (deleted.length > 0) {
        const gone = await rpc.call(
          'index_delete',
          { run_id: runId, paths: deleted },
          signal ? { signal } : {},
        );
        if (!gone.ok) return gone;
        for (const path of deleted) changes.gone(path);
      }
      // what every file says was just read anyway
      if (put.size < walked.candidates.length) {
        const relinked = await relinkDependents({
          rpc,
          runId,
          signal,
          changes,
          candidates: walked.candidates,
          done: put,
          known: indexed,
          graph,
          writer,
        });
        if (!relinked.ok) return relinked;
        report.relinked = relinked.value;
      }
      const measured = await rpc.call('index_entries', { run_id: runId, entries }, signal ? { signal } : {});
      if (!measured.ok) return measured;
    }
    for (const why of graph.warnings()) report.warnings.push({ why });
    const untracked = options.untracked ?? false;
    return await publishRun({ ...options, untracked }, runId, place, walked, deleted, report);
  }
}

function restricted(walk: Walk, only: ReadonlySet<string>): Walk {
  return {
    ...walk,
    candidates: walk.candidates.filter(({ path }) => only.has(path)),
    skipped: walk.skipped.filter(({ path }) => only.has(path)),
  };
}

async function folder(path: string): Promise<Result<string>> {
  const asked = resolve(path);
  try {
    const real = await realpath(asked);
    if ((await stat(real)).isDirectory()) return ok(real);
    return failure('bad_request', `${asked} is a file. Give the folder of a repository.`);
  } catch (error) {
    const code = (error as { code?: string }).code ?? 'unknown';
    return failure('not_found', `${asked} cannot be opened (${code}). Give the folder of a repository.`);
  }
}
