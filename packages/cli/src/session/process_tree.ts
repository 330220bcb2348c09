import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessInfo {
  pid: number;
  ppid: number;
  /** Resident memory in bytes. */
  rss: number;
  command: string;
}

/** A process and all below it, from /proc; empty where there is none (macOS, Windows). */
export function processTree(root: number): ProcessInfo[] {
  const all = readProcesses();
  const found: ProcessInfo[] = [];
  const visit = (pid: number) => {
    const info = all.find((one) => one.pid === pid);
    if (!info) return;
    found.push(info);
    for (const child of all) if (child.ppid === pid) visit(child.pid);
  };
  visit(root);
  return found;
}

function readProcesses(): ProcessInfo[] {
  let names: string[];
  try {
    names = readdirSync('/proc');
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const status = readFileSync(`/proc/${name}/status`, 'utf8');
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      const field = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
      return [{ pid: Number(name), ppid: field('PPid'), rss: field('VmRSS') * 1024, command }];
    } catch {
      return [];
    }
  });
}

/** What a process of the stack is, by its command line. */
export function processName(command: string): string {
  if (/cogo-metrics\.mjs/.test(command)) return 'metrics';
  if (/cogo-work\.mjs/.test(command)) return 'worker';
  if (/(^|\/)deno(\s|$)/.test(command)) return 'functions';
  if (/cogo\.mjs\s+up/.test(command)) return 'gateway';
  if (/cogo\.mjs/.test(command)) return 'cogo';
  return command.split(' ')[0]?.split('/').at(-1) ?? '?';
}
