import { CONFIG_FILE } from './repo_config.ts';
import type { ReadDocument } from './read_documents.ts';
import type { Skipped, Walk } from './walk/candidates.ts';

export interface IndexProgress {
  phase: 'walk' | 'read' | 'publish';
  filesDone: number;
  filesTotal: number;
  /** Chunks the database has taken so far. */
  chunksWritten: number;
  path?: string;
}

export interface IndexReport {
  /** Files and chunks of the repository that queries see now (of a dry run: that would be written). */
  files: number;
  chunks: number;
  skipped: Skipped[];
  warnings: Array<{ path?: string; why: string }>;
  added: number;
  changed: number;
  deleted: number;
  unchanged: number;
  /** Unchanged files whose relationships were written anew, because something they lead through changed. */
  relinked: number;
  ms: number;
  generation?: number;
  commit?: string;
  /** Of a dry run: every file that was looked at, in path order, with what would become of it. */
  decisions?: Decision[];
}

export interface Decision {
  path: string;
  taken: boolean;
  /** Taken: `new`, `changed` or `unchanged`. Left out: the rule. */
  why: string;
  language?: string;
  chunks?: number;
}

export function emptyReport(walk: Walk, configWarning: string | undefined): IndexReport {
  const warnings: IndexReport['warnings'] = walk.warnings.map((why) => ({ why }));
  if (configWarning !== undefined) warnings.push({ path: CONFIG_FILE, why: configWarning });
  if (walk.candidates.length === 0) {
    const what =
      walk.by === 'git' ? 'git tracks no file here that can be indexed' : 'the folder has no file to index';
    warnings.push({ why: what });
  }
  return {
    files: 0,
    chunks: 0,
    skipped: [...walk.skipped],
    warnings,
    added: 0,
    changed: 0,
    deleted: 0,
    unchanged: 0,
    relinked: 0,
    ms: 0,
    ...(walk.commit === undefined ? {} : { commit: walk.commit }),
  };
}

export function inOrder(taken: Decision[], skipped: Skipped[]): Decision[] {
  return [...taken, ...skipped.map(({ path, why }) => ({ path, taken: false, why }))].sort((a, b) =>
    a.path < b.path ? -1 : 1,
  );
}

/** Counts a file that was read. `kept`: those that stay in the index. */
export function note(
  document: ReadDocument,
  kept: Set<string>,
  known: ReadonlyMap<string, unknown>,
  already: ReadonlyMap<string, unknown>,
  report: IndexReport,
): void {
  const { path } = document;
  if (document.kind === 'gone') return;
  if (document.kind === 'skipped') {
    report.skipped.push({ path, why: document.why });
    if (document.keep) kept.add(path);
    return;
  }
  kept.add(path);
  if (document.kind === 'unchanged' && already.has(path)) {
    if (known.has(path)) report.changed += 1;
    else report.added += 1;
    return;
  }
  if (document.kind === 'unchanged') {
    report.unchanged += 1;
    report.decisions?.push({ path, taken: true, why: 'unchanged' });
    return;
  }
  report.decisions?.push({
    path,
    taken: true,
    why: known.has(path) ? 'changed' : 'new',
    language: document.row.language,
    chunks: document.row.chunks.length,
  });
  if (known.has(path)) report.changed += 1;
  else report.added += 1;
  report.files += 1;
  report.chunks += document.row.chunks.length;
  if (document.row.warning !== undefined) report.warnings.push({ path, why: document.row.warning });
}
