import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import ignore, { type Ignore } from 'ignore';
import { skipByPath } from '../policy/path_policy.ts';
import { type Candidate, isBrokenName, type Skipped, storedPath } from './candidates.ts';

interface Level {
  /** Relative to the root, `''` or ending in a slash. */
  base: string;
  rules: Ignore;
}

/**
 * Files under a folder that is no git repository. Every `.gitignore` counts as git would count it; symbolic links
 * are not followed, so a loop of them is harmless.
 */
export async function folderFiles(
  root: string,
  signal?: AbortSignal,
): Promise<{ found: Candidate[]; skipped: Skipped[] }> {
  const found: Candidate[] = [];
  const skipped: Skipped[] = [];
  await visit('', []);
  return { found, skipped };

  async function visit(base: string, above: Level[]): Promise<void> {
    signal?.throwIfAborted();
    let entries: Array<{
      name: string;
      isDirectory(): boolean;
      isFile(): boolean;
      isSymbolicLink(): boolean;
    }>;
    try {
      entries = await readdir(join(root, base), { withFileTypes: true });
    } catch (error) {
      skipped.push({
        path: storedPath(base),
        why: `folder cannot be read (${(error as { code?: string }).code})`,
      });
      return;
    }
    const levels = entries.some((entry) => entry.name === '.gitignore' && entry.isFile())
      ? [...above, { base, rules: ignore().add(await readRules(join(root, base, '.gitignore'))) }]
      : above;
    for (const entry of entries) {
      const relative = base + entry.name;
      if (isBrokenName(relative)) skipped.push({ path: relative, why: 'the name is not UTF-8' });
      else if (entry.isSymbolicLink()) skipped.push({ path: storedPath(relative), why: 'symbolic link' });
      else if (entry.isDirectory()) {
        const isVendored = skipByPath(`${relative}/x`) !== undefined;
        if (!isVendored && !isIgnored(levels, `${relative}/`)) await visit(`${relative}/`, levels);
      } else if (entry.isFile() && !isIgnored(levels, relative)) {
        found.push({ path: storedPath(relative), file: join(root, relative) });
      }
    }
  }
}

/** The deepest `.gitignore` that has an opinion decides. */
function isIgnored(levels: Level[], relative: string): boolean {
  for (const level of levels.toReversed()) {
    const verdict = level.rules.test(relative.slice(level.base.length));
    if (verdict.ignored) return true;
    if (verdict.unignored) return false;
  }
  return false;
}

async function readRules(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    return '';
  }
}
