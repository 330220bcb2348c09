import { type FSWatcher, readdirSync, watch } from 'node:fs';
import { basename, join } from 'node:path';
import { skipByPath } from '../policy/path_policy.ts';
import { storedPath } from '../walk/candidates.ts';

/** What a watcher saw: a path (as stored) that may have changed, or `null` when anything may have. */
export type OnChange = (path: string | null) => void;

/** Watches a folder until closed. `onTrouble` says why some of it cannot be watched. */
export type Watch = (root: string, onChange: OnChange, onTrouble: (why: string) => void) => { close(): void };

/** Files of git's that say that another commit is checked out, or that another set of files is tracked. */
const GIT_STATE = new Set(['HEAD', 'index', 'ORIG_HEAD', 'packed-refs']);

/**
 * Watches a repository with one watcher for each folder that may hold files to index; `.git` only for what is checked out. A new folder
 * is watched from when it is seen, and as it may hold files by then, anything counts as changed.
 */
export const watchFolders: Watch = (root, onChange, onTrouble) => {
  const watchers = new Map<string, FSWatcher>();
  add('');
  addGit();
  return {
    close() {
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };

  function add(folder: string): boolean {
    if (watchers.has(folder)) return true;
    let names: string[];
    try {
      names = readdirSync(join(root, folder), { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => entry.name);
      const watcher = watch(join(root, folder), { persistent: true }, (_event, name) => seen(folder, name));
      watcher.on('error', (error) => {
        drop(folder);
        onTrouble(
          `${folder || '.'} is watched no more (${(error as NodeJS.ErrnoException).code ?? error.message})`,
        );
        onChange(null);
      });
      watchers.set(folder, watcher);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // not a folder, or gone again: its parent says so
      if (code !== 'ENOENT' && code !== 'ENOTDIR') onTrouble(`${folder || '.'} cannot be watched (${code})`);
      return false;
    }
    for (const name of names) {
      const inner = folder === '' ? name : `${folder}/${name}`;
      if (name !== '.git' && skipByPath(`${inner}/x`) === undefined) add(inner);
    }
    return true;
  }

  function seen(folder: string, name: string | null): void {
    if (name === null) onChange(null);
    if (name === null || name === '.git') return;
    const path = folder === '' ? name : `${folder}/${name}`;
    if (watchers.has(path)) {
      // a watched folder was renamed or removed: the watchers below it look at what is no longer there
      drop(path);
      onChange(null);
    }
    if (skipByPath(`${path}/x`) === undefined && add(path)) onChange(null);
    else onChange(storedPath(path));
  }

  function drop(folder: string): void {
    for (const [path, watcher] of watchers) {
      if (path !== folder && !path.startsWith(`${folder}/`)) continue;
      watcher.close();
      watchers.delete(path);
    }
  }

  function addGit(): void {
    try {
      const watcher = watch(join(root, '.git'), (_event, name) => {
        if (name === null || GIT_STATE.has(basename(name))) onChange(null);
      });
      watcher.on('error', () => watcher.close());
      watchers.set('.git', watcher);
    } catch {
      // no repository, or one whose .git is elsewhere: files are seen all the same
    }
  }
};
