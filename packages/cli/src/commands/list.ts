import type { Command } from 'commander';
import type { Host } from '../command.ts';
import { registerAsk } from './ask.ts';
import { registerDoctor } from './doctor.ts';
import { registerDown } from './down.ts';
import { registerEmbed } from './embed.ts';
import { registerEval } from './evaluate.ts';
import { registerGraph } from './graph/graph.ts';
import { registerIndex } from './index_repo.ts';
import { registerJobs } from './jobs/register.ts';
import { registerKeys } from './keys.ts';
import { registerLogs } from './logs.ts';
import { registerMcp } from './mcp.ts';
import { registerMirror } from './mirror.ts';
import { registerProjects } from './projects.ts';
import { registerPsql } from './psql.ts';
import { registerReset } from './reset.ts';
import { registerSearch } from './search.ts';
import { registerStart } from './start.ts';
import { registerStatus } from './status.ts';
import { registerToken } from './token.ts';
import { registerTrace } from './trace.ts';
import { registerUp } from './up.ts';

/** Every command, in the order of the help. */
export const COMMANDS: ((host: Host, root: Command) => void)[] = [
  registerStart,
  registerUp,
  registerDown,
  registerStatus,
  registerLogs,
  registerReset,
  registerPsql,
  registerDoctor,
  registerIndex,
  registerGraph,
  registerTrace,
  registerSearch,
  registerAsk,
  registerEmbed,
  registerEval,
  registerMcp,
  registerMirror,
  registerJobs,
  registerProjects,
  registerToken,
  registerKeys,
];
