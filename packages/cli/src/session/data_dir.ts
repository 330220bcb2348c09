import { resolve } from 'node:path';
import { findDataDir } from '@cogo/client/stack_file.ts';
import type { DataOption } from '../command.ts';
import type { Io } from '../io.ts';

/** The data folder a command works on, absolute: `--data`, `COGO_DATA`, the nearest `.cogo` above, else a new one here. */
export function dataDir(io: Io, options: DataOption): string {
  return options.data ? resolve(io.cwd, options.data) : findDataDir(io.cwd);
}
