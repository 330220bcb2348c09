import type { ChildProcess } from 'node:child_process';
import type { Clock } from '../clock.ts';
import { folderBytes, freeBytes } from './disk.ts';
import type { Limits, Violation } from './limits.ts';
import { treeUsage } from './process_tree.ts';
import type { Launch, Workspace } from './sandbox.ts';

const SAMPLE_MS = 250;
/** Every so many samples the disk is looked at. */
const DISK_EVERY = 8;

/** Looks at the tree and the disk at intervals: what the kernel does not limit by itself, or not for root. */
export async function sample(
  child: ChildProcess,
  launch: Launch,
  limits: Limits,
  workspace: Workspace,
  clock: Clock,
  over: AbortSignal,
  end: (why: Violation, text: string) => void,
  report: (peak: { processes: number; memoryBytes: number }) => void,
): Promise<void> {
  const freeAtStart = await freeBytes(workspace.dir).catch(() => null);
  const peak = { processes: 0, memoryBytes: 0 };
  for (let n = 1; !over.aborted; n++) {
    await clock.sleep(SAMPLE_MS, over);
    if (over.aborted || child.pid === undefined) return;
    const use = treeUsage(child.pid, limits.processes + launch.overhead);
    if (use) {
      const processes = Math.max(0, use.pids.length - launch.overhead);
      peak.processes = Math.max(peak.processes, processes);
      peak.memoryBytes = Math.max(peak.memoryBytes, use.rssBytes);
      report({ ...peak });
      if (processes > limits.processes)
        end('processes', `had ${processes} processes, allowed ${limits.processes}`);
      if (use.rssBytes > limits.memoryBytes) {
        end('memory', `used ${use.rssBytes} bytes of memory, allowed ${limits.memoryBytes}`);
      }
      if (use.cpuMs > limits.cpuMs) end('cpu_time', `used more than ${limits.cpuMs / 1000} s of CPU time`);
    }
    if (freeAtStart !== null && n % DISK_EVERY === 0) {
      // The file system's own count is cheap; only when it moved that much is the folder measured.
      const lost = freeAtStart - (await freeBytes(workspace.dir).catch(() => freeAtStart));
      if (lost > limits.diskBytes && (await folderBytes(workspace.dir)) > limits.diskBytes) {
        end('disk', `the workspace grew beyond ${limits.diskBytes} bytes`);
      }
    }
  }
}
