import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Result } from '@cogo/spec/result.ts';
import { type IndexOptions, type IndexReport, indexRepository } from '../indexer.ts';
import type { IndexMemory } from '../index_memory.ts';
import { watchFolders, type Watch } from './folder_watcher.ts';

export interface WatchOptions extends Omit<IndexOptions, 'paths' | 'since' | 'dryRun'> {
  signal: AbortSignal;
  /** After every run, the first included. A failed run is tried again with the next change. */
  onRun: (result: Result<IndexReport>, changed: number | 'all') => void;
  /** Why something is not watched. */
  onTrouble?: (why: string) => void;
  watch?: Watch;
  /** Quiet after the last change before a run; an editor saves in several steps. Milliseconds. */
  quietMs?: number;
  /** A look at everything although nothing was seen: the system drops events when too many come at once, and tells nobody. */
  rescanMs?: number;
  index?: typeof indexRepository;
}

const QUIET_MS = 40;
/** The same for a few files that are whole: not empty, and not written to for as long. */
const SETTLED_MS = 10;
const FEW = 8;
/** A stream of changes is not waited out for longer. */
const PATIENCE_MS = 2000;
const RESCAN_MS = 10 * 60_000;
/** So many changes at once are looked at as a whole: some of their events may be lost. */
const BURST = 2000;

/**
 * Keeps the index of a repository up to date until the signal aborts: a run at once, then one after each flurry of changes. A run reads
 * the files that changed, and all of them where it is not sure (another commit, a new folder, a burst, a failed run). Resolves when stopped.
 */
export async function watchRepository(options: WatchOptions): Promise<void> {
  const { signal } = options;
  const index = options.index ?? indexRepository;
  const memory: IndexMemory = {};
  let changed = new Set<string>();
  let all = true;
  let wake: (() => void) | undefined;
  let last = 0;

  const watcher = (options.watch ?? watchFolders)(
    options.root,
    (path) => {
      if (path === null) all = true;
      else changed.add(path);
      if (changed.size > BURST) all = true;
      last = Date.now();
      wake?.();
    },
    (why) => options.onTrouble?.(why),
  );
  try {
    while (!signal.aborted) {
      const paths = all ? undefined : [...changed];
      const count = all ? 'all' : changed.size;
      all = false;
      changed = new Set();
      const result = await index({ ...options, memory, ...(paths ? { paths } : {}) });
      if (!result.ok) all = true;
      if (signal.aborted && !result.ok) break;
      options.onRun(result, count);
      // What failed is tried again with the next change, not at once: it would most likely fail alike.
      const failed = !result.ok;
      if (failed || (!all && changed.size === 0)) await news(options.rescanMs ?? RESCAN_MS);
      await quiet();
    }
  } finally {
    watcher.close();
  }

  /** Resolves with the next change, the end, or when a look is due anyway. */
  async function news(rescanMs: number): Promise<void> {
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        all = true;
        finish();
      }, rescanMs);
      const finish = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', finish);
        wake = undefined;
        resolve();
      };
      wake = finish;
      signal.addEventListener('abort', finish, { once: true });
    });
  }

  async function quiet(): Promise<void> {
    const quietMs = options.quietMs ?? QUIET_MS;
    const patience = Date.now() + PATIENCE_MS;
    while (!signal.aborted) {
      const now = Date.now();
      const rest = Math.min(last + quietMs, patience) - now;
      if (rest <= 0) return;
      if (now - last >= SETTLED_MS && !all && changed.size <= FEW && (await areWhole())) return;
      const next = now - last < SETTLED_MS ? last + SETTLED_MS - now : rest;
      await new Promise<void>((resolve) => setTimeout(resolve, Math.min(next, rest)));
    }
  }

  /** An editor that empties a file before it writes it, or writes it in parts, is not done with it. */
  async function areWhole(): Promise<boolean> {
    const seen = last;
    for (const path of changed) {
      const found = await stat(join(options.root, path)).catch(() => undefined);
      if (!found?.isFile() || found.size === 0 || Date.now() - found.mtimeMs < SETTLED_MS) return false;
    }
    return last === seen;
  }
}
