import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { withProject, type ProjectOption } from '../command.ts';
import type { Io } from '../io.ts';
import { portNumber } from '../numbers.ts';
import { dataDir } from '../session/data_dir.ts';
import type { StackRequest } from './run_stack.ts';

export interface StackCliOptions extends ProjectOption {
  db?: string;
  port?: number;
  dbPort?: number;
  studioPort?: number;
  dashboardPort?: number;
  allowRepo?: string[];
  functions: boolean;
  worker: boolean;
  dashboard: boolean;
}

/** Options of the commands that start a stack (`up`, `start`). */
export function withStack(command: Command): Command {
  return withProject(command)
    .addOption(
      new Option('--db <url>', 'run on this Postgres instead of the embedded one: postgres://…').env(
        'COGO_DB',
      ),
    )
    .option('--port <n>', 'port of the gateway (default: 54321, or the next free one)', portNumber)
    .option('--db-port <n>', 'port of the Postgres wire (default: 54322)', portNumber)
    .option('--studio-port <n>', 'port of Studio (default: 54323)', portNumber)
    .option('--dashboard-port <n>', 'port of the dashboard (default: 3100)', portNumber);
}

/** A stack request from the command line. */
export function stackRequest(io: Io, options: Partial<StackCliOptions> & { project: string }): StackRequest {
  return {
    dir: dataDir(io, options),
    ports: {
      ...(options.port === undefined ? {} : { gateway: options.port }),
      ...(options.dbPort === undefined ? {} : { db: options.dbPort }),
      ...(options.studioPort === undefined ? {} : { studio: options.studioPort }),
      ...(options.dashboardPort === undefined ? {} : { dashboard: options.dashboardPort }),
    },
    project: options.project,
    allowRepos: (options.allowRepo ?? [io.cwd]).map((path) => resolve(io.cwd, path)),
    functions: options.functions ?? true,
    worker: options.worker ?? true,
    dashboard: options.dashboard ?? true,
    ...(options.db ? { dbUrl: options.db } : {}),
  };
}
