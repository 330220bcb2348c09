import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/** Who a scratch folder belongs to. A process id alone is no name: it is given again, after a reboot at the latest. */
interface Owner {
  pid: number;
  /** Clock ticks after the boot, from /proc/<pid>/stat; null where there is no /proc. */
  started: string | null;
  boot: string | null;
}

const OWNER = 'owner.json';
/** A control group is made just before its first process: one without any that is older than this is nobody's. */
const EMPTY_MS = 60_000;

export interface Leftovers {
  folders: number;
  processes: number;
  groups: number;
}

/** Makes the folder of this process below `work`, marked as its own; workspaces go in it. */
export function ownScratch(work: string, instance: string): string {
  const dir = join(work, instance);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const owner: Owner = { pid: process.pid, started: startOf(process.pid), boot: bootId() };
  writeFileSync(join(dir, OWNER), JSON.stringify(owner), { mode: 0o600 });
  return dir;
}

/**
 * Removes what workers that were killed left below `work`: the processes of their jobs (known by the folder's path in
 * their arguments or environment), their control groups, and the folders. What carries no mark, or that of a process that
 * lives, is not touched.
 */
export function removeLeftovers(work: string): Leftovers {
  const sum: Leftovers = { folders: 0, processes: 0, groups: emptyGroups() };
  for (const name of list(work)) {
    const dir = join(work, name);
    const owner = ownerOf(dir);
    if (!owner || lives(owner)) continue;
    const groups = new Set<string>();
    // A killed process may still be there in the next round, until the kernel has taken it down.
    const killed = new Set<number>();
    // Several times: what forks while it is looked for is found the next time.
    for (let round = 0; round < 20; round++) {
      const found = processesOf(dir);
      if (found.length === 0) break;
      for (const pid of found) {
        for (const group of groupsOf(pid)) groups.add(group);
        try {
          process.kill(pid, 'SIGKILL');
          killed.add(pid);
        } catch {
          // Gone meanwhile.
        }
      }
    }
    sum.processes += killed.size;
    for (const group of groups) if (removed(group)) sum.groups++;
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
    sum.folders++;
  }
  return sum;
}

function ownerOf(dir: string): Owner | null {
  try {
    const owner = JSON.parse(readFileSync(join(dir, OWNER), 'utf8')) as Owner;
    return Number.isInteger(owner.pid) && owner.pid > 1 ? owner : null;
  } catch {
    return null;
  }
}

function lives({ pid, started, boot }: Owner): boolean {
  if (started !== null) return boot === bootId() && startOf(pid) === started;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function startOf(pid: number): string | null {
  // The name in brackets may hold anything, brackets and blanks too; field 22 is the 20th after it.
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // A zombie does nothing more.
  return fields[0] === 'Z' ? null : (fields[19] ?? null);
}

function bootId(): string | null {
  return read('/proc/sys/kernel/random/boot_id').trim() || null;
}

function processesOf(dir: string): number[] {
  return list('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid && startOf(Number(name)) !== null)
    .filter((name) =>
      ['environ', 'cmdline'].some((file) => read(`/proc/${name}/${file}`, 'latin1').includes(`${dir}/`)),
    )
    .map(Number);
}

const ROOT = '/sys/fs/cgroup';
const GROUP = /^cogo-[0-9a-f]{8}-[0-9a-f-]{27}$/;

/** The groups of ours a process is in, as folders; v1 has one for each controller. */
function groupsOf(pid: number): string[] {
  return read(`/proc/${pid}/cgroup`)
    .split('\n')
    .flatMap((line) => {
      const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
      if (path === undefined || !GROUP.test(path.slice(path.lastIndexOf('/') + 1))) return [];
      return [join(ROOT, controllers ?? '', path)];
    });
}

/** Groups beside our own that nobody is in and nobody will be. */
function emptyGroups(): number {
  let gone = 0;
  for (const line of read('/proc/self/cgroup').split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined) continue;
    for (const parent of new Set([dirname(path), path].map((at) => join(ROOT, controllers ?? '', at)))) {
      for (const name of list(parent)) {
        const dir = join(parent, name);
        if (!GROUP.test(name) || read(join(dir, 'cgroup.procs')) !== '') continue;
        if (ageMs(dir) > EMPTY_MS && removed(dir)) gone++;
      }
    }
  }
  return gone;
}

function ageMs(path: string): number {
  try {
    return Date.now() - statSync(path).ctimeMs;
  } catch {
    return 0;
  }
}

/** The kernel refuses to remove a group that somebody is in. */
function removed(dir: string): boolean {
  try {
    rmdirSync(dir);
    return true;
  } catch {
    return !existsSync(dir);
  }
}

function list(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

function read(path: string, encoding: 'utf8' | 'latin1' = 'utf8'): string {
  try {
    return readFileSync(path, encoding);
  } catch {
    return '';
  }
}
