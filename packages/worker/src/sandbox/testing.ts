import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { bubblewrapSandbox } from './bubblewrap.ts';
import { DEFAULT_LIMITS, type Limits } from './limits.ts';
import { probeBubblewrap } from './probe.ts';
import { runCommand, type CommandResult } from './run_command.ts';
import type { CommandSpec, Sandbox, Workspace } from './sandbox.ts';
import { unconfined } from './unconfined.ts';
import { probeWatcher } from './watch.ts';
import { which } from './which.ts';

const probe = probeBubblewrap();
/** Attempts are asserted where it works. */
export const watcher = probeWatcher();

/** bubblewrap where it works; tests that need it are skipped elsewhere, with this reason. */
export const bubblewrap: { sandbox: Sandbox; skip: false } | { sandbox: null; skip: string } = probe.ok
  ? { sandbox: bubblewrapSandbox(probe.bwrap, watcher), skip: false }
  : { sandbox: null, skip: probe.reason };

export const none = unconfined('a test without a sandbox', which('prlimit'));

export function temporaryFolder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'cogo-worker-'));
  t.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  return dir;
}

export function temporaryWorkspace(t: TestContext): Workspace {
  const dir = temporaryFolder(t);
  const workspace = { dir: join(dir, 'workspace'), privateDir: join(dir, 'private'), readOnly: [] };
  mkdirSync(workspace.dir);
  mkdirSync(workspace.privateDir);
  return workspace;
}

export function run(
  sandbox: Sandbox,
  workspace: Workspace,
  argv: string[],
  o: Partial<Omit<CommandSpec, 'limits' | 'argv'>> & { limits?: Partial<Limits> } = {},
): Promise<CommandResult> {
  const limits = { ...DEFAULT_LIMITS, wallMs: 60_000, ...o.limits };
  return runCommand({ cwd: '', ...o, argv, limits }, workspace, sandbox);
}
