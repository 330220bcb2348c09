import { lockHolder } from '@cogo/stack/place/lock.ts';
import { readStackFile, type StackFile } from '@cogo/client/stack_file.ts';

/** What the data folder says of its stack. `killed`: its file is there and its process is gone. */
export type StackState =
  | { state: 'running'; stack: StackFile }
  | { state: 'killed'; stack: StackFile }
  | { state: 'stopped' };

/**
 * Reads `stack.json` and holds it against the lock, which knows the process's start time too: a number that the
 * system has given to another process since is not our stack.
 */
export function stackState(dir: string): StackState {
  const read = readStackFile(dir);
  if (!read.ok) return { state: 'stopped' };
  return { state: lockHolder(dir) === read.value.pid ? 'running' : 'killed', stack: read.value };
}
