import type { Command } from 'commander';
import { addGroup, type Host } from '../../command.ts';
import { registerControl } from './control.ts';
import { registerEnqueue } from './enqueue.ts';
import { registerLooking } from './look.ts';

/** `cogo jobs list|show|tail|stats|enqueue|cancel|redrive|dead` */
export function registerJobs(host: Host, root: Command): void {
  const jobs = addGroup(root, 'jobs', 'durable jobs');
  registerLooking(host, jobs);
  registerEnqueue(host, jobs);
  registerControl(host, jobs);
}
