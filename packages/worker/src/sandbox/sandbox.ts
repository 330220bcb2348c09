import type { Inside } from './attempts.ts';
import type { Limits } from './limits.ts';

/** One folder a command may write to, and what else it sees. */
export interface Workspace {
  /** The fresh copy, on this machine. */
  dir: string;
  /** A folder beside it for the sandbox's own files (home, tmp, /etc); gone with the workspace. */
  privateDir: string;
  /** Extra read-only parts: dependencies, the worker's own checker. `to` is absolute inside the sandbox. */
  readOnly: { from: string; to: string }[];
}

export interface CommandSpec {
  argv: string[];
  /** Folder inside the workspace, '' for its top. */
  cwd: string;
  limits: Limits;
  /** Hosts it may reach (entries as of `listed`), through a proxy; none without it. Needs a sandbox to mean anything. */
  network?: readonly string[];
  /** Further variables; those of the sandbox win. */
  env?: Record<string, string>;
  signal?: AbortSignal;
  onOutput?: (stream: 'stdout' | 'stderr', chunk: Buffer) => void;
}

/** What to hand to `spawn`. */
export interface Launch {
  file: string;
  args: string[];
  env: Record<string, string>;
  cwd: string;
  /** The launcher writes JSON to file descriptor 3 (bubblewrap's --json-status-fd): tells its own failure from the command's. */
  status: boolean;
  /** Set when a watcher writes to file descriptor 4 what was tried. */
  inside: Inside | null;
  /** Processes of the launcher itself, not counted against the limit. */
  overhead: number;
}

export interface Sandbox {
  kind: 'bubblewrap' | 'none';
  /** Why there is no sandbox; null where there is one. */
  reason: string | null;
  version: string | null;
  /** What sees attempts to get out; null where they are blocked and not seen. */
  watch: string | null;
  /** Where a workspace is seen by its commands. */
  root(workspace: Workspace): string;
  /** @param proxySocket the way out of a command that has a network */
  launch(command: CommandSpec, workspace: Workspace, mark: string, proxySocket: string | null): Launch;
}

/** `require`: no job without one. `auto`: bubblewrap when it works, else none. Without, every result says so. */
export type SandboxMode = 'auto' | 'require' | 'unsafe-none';
export const SANDBOX_MODES: readonly SandboxMode[] = ['auto', 'require', 'unsafe-none'];
