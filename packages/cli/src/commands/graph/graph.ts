import type { Command } from 'commander';
import { addGroup, type Host } from '../../command.ts';
import { registerExport } from './export.ts';
import { registerModules } from './modules.ts';
import { registerSymbols } from './symbols.ts';

/** `cogo graph …`: how the files and symbols of a repository depend on each other. Needs no running stack. */
export function registerGraph(host: Host, root: Command): void {
  const group = addGroup(root, 'graph', 'module and call graph of a repository');
  registerModules(host, group);
  registerSymbols(host, group);
  registerExport(host, group);
}
