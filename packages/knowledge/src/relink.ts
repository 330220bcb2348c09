import type { Rpc } from '@cogo/client/rpc.ts';
import { ok, type Result } from '@cogo/spec/result.ts';
import { contentHash, documentRow, extractorFor } from './document.ts';
import { CODE_FILE } from './graph/modules/module_graph.ts';
import { PYTHON_FILE } from './graph/symbols/file_facts.ts';
import type { GraphReader } from './graph/symbols/file_graph.ts';
import { ANY_FILE, configScope, stem, stemsOf } from './graph/symbols/outlook.ts';
import type { Writer } from './index_writer.ts';
import { loadPython } from './languages/python_syntax.ts';
import { decodeText } from './policy/content_policy.ts';
import { readSource } from './read_source.ts';
import type { Candidate } from './walk/candidates.ts';

/** What a run changed that files it did not read may look at. See graph/symbols/outlook.ts. */
export interface SurfaceChanges {
  /** A file was read: `before` its surface in the index (undefined: it was not there), `after` now. */
  read(path: string, before: { surface?: string } | undefined, after: string | undefined): void;
  gone(path: string): void;
  /** What was noted since the last call; undefined when nothing was. */
  take(): { stems: string[]; folders: string[] } | undefined;
}

export function surfaceChanges(): SurfaceChanges {
  let stems = new Set<string>();
  let folders = new Set<string>();
  return { read, gone, take };

  function read(path: string, before: { surface?: string } | undefined, after: string | undefined): void {
    if (before && before.surface === after) return;
    if (configScope(path) !== undefined) folders.add(configScope(path)!);
    else if (before) stems.add(stem(path));
    else comesOrGoes(path, true);
  }

  function gone(path: string): void {
    if (configScope(path) !== undefined) folders.add(configScope(path)!);
    else comesOrGoes(path, false);
  }

  function comesOrGoes(path: string, isNew: boolean): void {
    for (const one of stemsOf(path)) stems.add(one);
    if (isNew && (CODE_FILE.test(path) || PYTHON_FILE.test(path) || path.endsWith('.json')))
      stems.add(ANY_FILE);
  }

  function take(): { stems: string[]; folders: string[] } | undefined {
    const noted = { stems: [...stems], folders: [...folders] };
    stems = new Set();
    folders = new Set();
    return noted.stems.length + noted.folders.length > 0 ? noted : undefined;
  }
}

export interface RelinkInput {
  rpc: Rpc;
  runId: string;
  signal?: AbortSignal | undefined;
  changes: SurfaceChanges;
  /** Every file of the repository. */
  candidates: readonly Candidate[];
  /** Paths this run has read and put; they are as they should be. */
  done: ReadonlySet<string>;
  /** What the index has, by path. */
  known: ReadonlyMap<string, { surface?: string }>;
  graph: GraphReader;
  writer: Writer;
}

/** Links that lead on from file to file end by then. */
const MAX_ROUNDS = 8;

/**
 * Reads again the files whose relations lead through something that changed (a barrel, a base class, a file that came or
 * went, a tsconfig.json), and writes those that come out differently. How many were written. Work follows the number of
 * files that look at the changed ones. Throws when aborted.
 */
export async function relinkDependents(input: RelinkInput): Promise<Result<number>> {
  const { rpc, runId, signal, changes, graph, writer, known } = input;
  const byPath = new Map(input.candidates.map((one) => [one.path, one]));
  const done = new Set(input.done);
  let written = 0;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const changed = changes.take();
    if (!changed) break;
    const call = signal ? { signal } : {};
    const found = await rpc.call<Array<{ path: string; hash: string }>>(
      'index_dependents',
      { run_id: runId, ...changed },
      call,
    );
    if (!found.ok) return found;
    for (const { path, hash } of found.value) {
      signal?.throwIfAborted();
      const candidate = byPath.get(path);
      if (!candidate || done.has(path)) continue;
      const read = await readSource(candidate.file);
      const decoded = read.kind === 'read' ? decodeText(read.bytes) : undefined;
      if (read.kind !== 'read' || !decoded?.ok) continue;
      if (PYTHON_FILE.test(path)) await loadPython();
      const relations = graph.read(path, decoded.text);
      if (!relations || relations.hash === hash) continue;
      done.add(path);
      const bytes = { hash: contentHash(read.bytes), size: read.bytes.byteLength };
      const row = await documentRow(path, bytes, decoded.text);
      row.extractor = extractorFor(path, graph.input.allCalls);
      const added = await writer.add(row, relations);
      if (!added.ok) return added;
      written += 1;
      changes.read(path, known.get(path), relations.surface);
    }
  }
  const flushed = await writer.flush();
  return flushed.ok ? ok(written) : flushed;
}
