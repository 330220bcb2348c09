import { readdirSync, readFileSync } from 'node:fs';

export interface TreeUsage {
  /** The root first, then its descendants. */
  pids: number[];
  /** Sum of resident sizes; shared pages count once per process. */
  rssBytes: number;
  /** CPU time of the living and of the children they have waited for. */
  cpuMs: number;
}

/** USER_HZ is 100 on every Linux this runs on (it is part of the ABI of /proc). */
const TICK_MS = 10;

interface Stat {
  ppid: number;
  ticks: number;
}

/**
 * What a process and all its descendants use now, from /proc (proc(5)); null where there is no /proc. Inside a PID
 * namespace orphans are adopted by its init, so nothing leaves the tree; without one a daemon does: `marked`.
 *
 * @param enough of more processes than this the memory is not read: a fork bomb must be named quickly
 */
export function treeUsage(root: number, enough = Number.POSITIVE_INFINITY): TreeUsage | null {
  const stats = new Map<number, Stat>();
  for (const pid of processIds()) {
    const stat = readStat(pid);
    if (stat) stats.set(pid, stat);
  }
  if (stats.size === 0) return null;
  const children = new Map<number, number[]>();
  for (const [pid, { ppid }] of stats) {
    const list = children.get(ppid);
    if (list) list.push(pid);
    else children.set(ppid, [pid]);
  }
  const pids: number[] = [];
  const open = stats.has(root) ? [root] : [];
  let rssBytes = 0;
  let ticks = 0;
  for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
    pids.push(pid);
    ticks += stats.get(pid)!.ticks;
    if (pids.length <= enough) rssBytes += residentBytes(pid);
    open.push(...(children.get(pid) ?? []));
  }
  return { pids, rssBytes, cpuMs: ticks * TICK_MS };
}

/** Processes whose environment carries `NAME=value`: finds what daemonised away, as long as it kept its environment. */
export function marked(name: string, value: string): number[] {
  const needle = `${name}=${value}`;
  return processIds().filter((pid) => {
    if (pid === process.pid) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(needle);
    } catch {
      return false;
    }
  });
}

/** Sends SIGKILL; a process that is already gone is fine. */
export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // ESRCH: gone. EPERM cannot happen to our own children short of setuid, which nosuid mounts rule out.
  }
}

/**
 * Lets a stopped process go on; true when it was stopped. The init of a PID namespace cannot be stopped from inside,
 * except while it is traced.
 */
export function revived(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    if (stat.slice(stat.lastIndexOf(')') + 2)[0]?.toLowerCase() !== 't') return false;
    // A stop of the tracer itself is over in microseconds; only the job's has a pending group stop to be ended.
    process.kill(pid, 'SIGCONT');
    return true;
  } catch {
    return false;
  }
}

function processIds(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

function readStat(pid: number): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name is in parentheses and may itself hold spaces and parentheses: count from the last one.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [utime, stime, cutime, cstime] = fields.slice(11, 15).map(Number);
    return { ppid: Number(fields[1]), ticks: utime! + stime! + cutime! + cstime! };
  } catch {
    return null;
  }
}

function residentBytes(pid: number): number {
  try {
    const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
    return found ? Number(found[1]) * 1024 : 0;
  } catch {
    return 0;
  }
}
