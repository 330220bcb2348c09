import { lstatSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

export const ARTIFACT_DAYS = 30;
/** How often a worker that runs looks for artifacts that are past their time. */
export const LOOK_MS = 6 * 3_600_000;
const DAY_MS = 24 * 3_600_000;

/**
 * Removes attempts (`jobs/<job>/<attempt>` below `root`) whose folder was last written to over so many days ago, and the folders of jobs left
 * empty. Links are not followed; what cannot be removed is left for the next time. Returns how many attempts it removed.
 */
export function removeOldArtifacts(root: string, days: number, now = Date.now()): number {
  const jobs = join(root, 'jobs');
  let removed = 0;
  for (const job of folders(jobs)) {
    for (const attempt of folders(join(jobs, job))) {
      const dir = join(jobs, job, attempt);
      try {
        if (now - newest(dir) <= days * DAY_MS) continue;
        rmSync(dir, { recursive: true, force: true });
        removed++;
      } catch {
        // Another worker of this data folder was faster, or it is not ours to remove.
      }
    }
    try {
      rmdirSync(join(jobs, job));
    } catch {
      // Not empty.
    }
  }
  return removed;
}

/** When the attempt, or one of its sets, was written to last: milliseconds since 1970. */
function newest(dir: string): number {
  return Math.max(lstatSync(dir).mtimeMs, ...folders(dir).map((set) => lstatSync(join(dir, set)).mtimeMs));
}

function folders(dir: string): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}
