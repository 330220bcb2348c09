/** What one command may use. Sizes in bytes, times in milliseconds. */
export interface Limits {
  wallMs: number;
  /** CPU time of the whole process tree. */
  cpuMs: number;
  /** Processes of the tree (threads have a backstop of eight times that, by RLIMIT_NPROC). */
  processes: number;
  openFiles: number;
  fileBytes: number;
  /** Resident memory of the tree, as sampled; shared pages count once per process. */
  memoryBytes: number;
  /** RLIMIT_AS, off by default: V8 reserves far more address space than it uses. */
  addressSpaceBytes: number | null;
  /** Size of the private /tmp (a tmpfs: it lives in memory). */
  tmpBytes: number;
  /** What the workspace may grow by. */
  diskBytes: number;
  /** Output beyond this ends the command; far below, only the tail is kept. */
  outputBytes: number;
}

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;

export const DEFAULT_LIMITS: Limits = {
  wallMs: 300_000,
  cpuMs: 1_200_000,
  processes: 256,
  openFiles: 4096,
  fileBytes: GiB,
  memoryBytes: 4 * GiB,
  addressSpaceBytes: null,
  tmpBytes: 512 * MiB,
  diskBytes: 4 * GiB,
  outputBytes: 4 * GiB,
};

/** Why a command was ended or could not start; each is a reason of its own in the result. */
export type Violation =
  | 'wall_time'
  | 'cpu_time'
  | 'processes'
  | 'memory'
  | 'open_files'
  | 'file_size'
  | 'tmp_size'
  | 'disk'
  | 'output'
  | 'command_not_found'
  | 'sandbox_failed'
  | 'stopped';

/** Arguments of util-linux `prlimit` for the limits the kernel keeps by itself. */
export function prlimitArgs(limits: Limits): string[] {
  // Soft before hard: SIGXCPU first, so that the reason can be told from a SIGKILL.
  const cpu = Math.max(1, Math.ceil(limits.cpuMs / 1000));
  return [
    `--cpu=${cpu}:${cpu + 5}`,
    `--nproc=${limits.processes * 8}`,
    `--nofile=${limits.openFiles}`,
    `--fsize=${limits.fileBytes}`,
    '--core=0',
    ...(limits.addressSpaceBytes === null ? [] : [`--as=${limits.addressSpaceBytes}`]),
  ];
}
