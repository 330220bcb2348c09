// One stack per data folder: PGlite is a single writer. The lock is a file that only one process can create; a process that
// was killed leaves it behind and the next one takes it over.
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { failure, ok, type Result } from '@cogo/spec/result.ts';

interface Owner {
  pid: number;
  /** Start time of the process in the kernel's ticks, where the system tells it: pids come again. */
  born: string | undefined;
  at: string;
}

export interface Lock {
  /** True when a dead process had left its lock. */
  tookOver: boolean;
  release(): void;
}

/** Takes the lock of a data folder, or says who holds it (`unavailable`, details `{pid}`). */
export function takeLock(dataDir: string): Result<Lock> {
  const path = join(dataDir, 'lock');
  const mine: Owner = { pid: process.pid, born: bornAt(process.pid), at: new Date().toISOString() };
  const text = JSON.stringify(mine);
  const draft = `${path}.${process.pid}.${process.hrtime.bigint()}`;
  writeFileSync(draft, text, { mode: 0o600 });
  let tookOver = false;
  try {
    for (let attempt = 0; attempt < 10; attempt += 1) {
      if (link(draft, path)) {
        return ok({ tookOver, release: () => release(path, text) });
      }
      const found = readOwner(path);
      if (found && isAlive(found.owner)) {
        return failure(
          'unavailable',
          `Another stack (pid ${found.owner.pid}, since ${found.owner.at}) uses ${dataDir}. ` +
            'Use that one (cogo status), stop it (cogo down), or start with another folder (--data DIR).',
          { details: { pid: found.owner.pid } },
        );
      }
      if (found) tookOver = discard(path, found.text) || tookOver;
    }
  } finally {
    rmSync(draft, { force: true });
  }
  return failure('unavailable', `The lock ${path} could not be taken: others keep taking it. Try again.`);
}

/** The living process that holds the lock of a data folder. */
export function lockHolder(dataDir: string): number | undefined {
  const found = readOwner(join(dataDir, 'lock'));
  return found && isAlive(found.owner) ? found.owner.pid : undefined;
}

function link(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function readOwner(path: string): { owner: Owner; text: string } | undefined {
  try {
    const text = readFileSync(path, 'utf8');
    try {
      return { owner: JSON.parse(text) as Owner, text };
    } catch {
      return { owner: { pid: 0, born: undefined, at: 'unknown' }, text };
    }
  } catch {
    return undefined;
  }
}

/** Moves a dead owner's lock away. When a living one got in between, its lock is put back. */
function discard(path: string, text: string): boolean {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    return false;
  }
  const dead = readFileSync(aside, 'utf8') === text;
  if (!dead) link(aside, path);
  rmSync(aside, { force: true });
  return dead;
}

function release(path: string, text: string): void {
  if (readOwner(path)?.text === text) rmSync(path, { force: true });
}

function isAlive(owner: Owner): boolean {
  if (owner.pid <= 0) return false;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const born = bornAt(owner.pid);
  return owner.born === undefined || born === undefined || owner.born === born;
}

function bornAt(pid: number): string | undefined {
  try {
    // The command name may hold spaces and parentheses; the fields after it do not. Field 22 is the start time.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie is dead to everyone but its parent.
    return fields[0] === 'Z' ? 'zombie' : fields[19];
  } catch {
    return undefined;
  }
}
