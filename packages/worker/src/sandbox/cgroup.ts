import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Clock } from '../clock.ts';
import type { Limits } from './limits.ts';

/**
 * A control group for one command: hard limits by the kernel where they can be had (as root, or delegated by systemd), v2
 * or v1. They matter most for root, whom RLIMIT_NPROC does not bind: a fork bomb would outrun the sampling.
 */
export interface Cgroup {
  /** Wraps a command so that it joins the groups before it starts: nothing of it is ever outside. */
  wrap(file: string, args: string[]): { file: string; args: string[] };
  /** Whether the kernel killed something of it for its memory. */
  outOfMemory(): boolean;
  /** Whether it was refused a process or thread at the hard limit. */
  refusedTasks(): boolean;
  remove(clock: Clock): Promise<void>;
}

const ROOT = '/sys/fs/cgroup';
const JOIN = 'IFS=:; for f in $0; do echo $$ > "$f" || exit 125; done; exec "$@"';

/** Null where no group can be made: then the limits are those of prlimit and of the sampling. */
export function openCgroup(name: string, limits: Limits): Cgroup | null {
  const dirs = existsSync(join(ROOT, 'cgroup.controllers')) ? openV2(name) : openV1(name);
  if (dirs.length === 0) return null;
  for (const dir of dirs) {
    // Tasks, threads included: the backstop of RLIMIT_NPROC. The number of processes is the sampling's to name.
    put(dir, 'pids.max', limits.processes * 8);
    put(dir, 'memory.max', limits.memoryBytes);
    put(dir, 'memory.swap.max', 0);
    put(dir, 'memory.limit_in_bytes', limits.memoryBytes);
    put(dir, 'memory.memsw.limit_in_bytes', limits.memoryBytes);
  }
  const joins = dirs.map((dir) => join(dir, 'cgroup.procs')).join(':');
  return {
    wrap: (file, args) => ({ file: '/bin/sh', args: ['-c', JOIN, joins, file, ...args] }),
    outOfMemory: () =>
      dirs.some((dir) =>
        ['memory.events', 'memory.oom_control'].some((file) =>
          /^oom_kill [1-9]/m.test(read(join(dir, file))),
        ),
      ),
    refusedTasks: () => dirs.some((dir) => /^max [1-9]/m.test(read(join(dir, 'pids.events')))),
    async remove(clock) {
      // A group can be removed once its last process is reaped, which is not ours to wait for.
      for (let attempt = 0; attempt < 50; attempt++) {
        if (dirs.map(removed).every(Boolean)) return;
        await clock.sleep(20);
      }
    },
  };
}

function openV2(name: string): string[] {
  const own = /^0::(\/.*)$/m.exec(read('/proc/self/cgroup'))?.[1];
  if (own === undefined) return [];
  // Beside our own group, not below it: a group with processes cannot hand controllers down.
  const parent = join(ROOT, dirname(own));
  const dir = join(parent, `cogo-${name}`);
  if (!made(dir)) return [];
  if (!existsSync(join(dir, 'pids.max'))) put(parent, 'cgroup.subtree_control', '+pids +memory');
  if (existsSync(join(dir, 'pids.max'))) return [dir];
  removed(dir);
  return [];
}

function openV1(name: string): string[] {
  const groups = read('/proc/self/cgroup');
  return ['pids', 'memory'].flatMap((controller) => {
    const own = new RegExp(`^\\d+:(?:[^:]*,)?${controller}(?:,[^:]*)?:(/.*)$`, 'm').exec(groups)?.[1];
    if (own === undefined || !existsSync(join(ROOT, controller))) return [];
    const dir = join(ROOT, controller, own, `cogo-${name}`);
    return made(dir) ? [dir] : [];
  });
}

function made(dir: string): boolean {
  try {
    mkdirSync(dir);
    return true;
  } catch {
    return false;
  }
}

function removed(dir: string): boolean {
  try {
    rmdirSync(dir);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

/** A file that is not there belongs to the other version or to a controller that is off. */
function put(dir: string, file: string, value: string | number): void {
  try {
    if (existsSync(join(dir, file))) writeFileSync(join(dir, file), String(value));
  } catch {
    // The limit stays with the sampling.
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
