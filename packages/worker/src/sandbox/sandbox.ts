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
  /** Processes of the launcher itself, not counted against the limit. */
  overhead: number;
}

export interface Sandbox {
  kind: 'bubblewrap' | 'none';
  /** Why there is no sandbox; null where there is one. */
  reason: string | null;
  version: string | null;
  /** Where a workspace is seen by its commands. */
  root(workspace: Workspace): string;
  launch(command: CommandSpec, workspace: Workspace, mark: string): Launch;
}

/** `auto`: bubblewrap when it works, else none, said in every result. `require`: no job without one. */
export type SandboxMode = 'auto' | 'require' | 'unsafe-none';
export const SANDBOX_MODES: readonly SandboxMode[] = ['auto', 'require', 'unsafe-none'];
