import { type FSWatcher, readdirSync, watch } from 'node:fs';
import { join } from 'node:path';

/**
 * Tells of every change of code below folders, until closed. One watcher a folder: Node 20's recursive one on Linux follows files by
 * their inode, and misses the second change of a file that an editor replaces.
 */
export function watchCode(roots: readonly string[], onChange: (file: string) => void): { close(): void } {
  const watchers = new Map<string, FSWatcher>();
  for (const root of roots) add(root);
  return {
    close() {
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };

  function add(folder: string): boolean {
    if (watchers.has(folder)) return false;
    let inner: string[];
    try {
      inner = readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && entry.name !== 'node_modules')
        .map((entry) => entry.name);
      const watcher = watch(folder, (_event, name) => seen(folder, name));
      watcher.on('error', () => drop(folder));
      watchers.set(folder, watcher);
    } catch {
      return false; // not a folder, or gone, so nothing in it can change
    }
    for (const name of inner) add(join(folder, name));
    return true;
  }

  function seen(folder: string, name: string | null): void {
    if (name === null) {
      onChange(folder);
      return;
    }
    const path = join(folder, name);
    // made anew under its old name: the watcher looks at the one that is gone
    if (watchers.has(path)) drop(path);
    if (add(path)) onChange(path);
    else if (/\.(?:ts|json)$/.test(name) && !/\.test\.ts$/.test(name)) onChange(path);
  }

  function drop(folder: string): void {
    for (const [path, watcher] of watchers) {
      if (path !== folder && !path.startsWith(join(folder, '/'))) continue;
      watcher.close();
      watchers.delete(path);
    }
  }
}
