import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Sandbox, Workspace } from '../sandbox/sandbox.ts';

const CHECKER = fileURLToPath(new URL('./check.mjs', import.meta.url));
/** Where the checker lies inside the sandbox. */
const INSIDE = '/opt/cogo';

/** The command that parses all sources of a workspace; makes the checker and its parser readable in the sandbox. */
export function syntaxCommand(workspace: Workspace, sandbox: Sandbox): string[] {
  const root = sandbox.root(workspace);
  if (sandbox.kind === 'none') return [process.execPath, CHECKER, root];
  const modules = modulesFolder(fileURLToPath(import.meta.resolve('oxc-parser')));
  const to = join(INSIDE, 'check.mjs');
  if (!workspace.readOnly.some((part) => part.to === to)) {
    workspace.readOnly.push({ from: modules, to: join(INSIDE, 'node_modules') }, { from: CHECKER, to });
  }
  return [process.execPath, to, root];
}

function modulesFolder(path: string): string {
  const mark = `${sep}node_modules${sep}`;
  const at = path.lastIndexOf(mark);
  return at < 0 ? dirname(path) : path.slice(0, at + mark.length - 1);
}
