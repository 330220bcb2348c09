// Every function there is. A folder under functions/ that is missing here fails a test.
import type { FunctionSpec } from '../operation.ts';
import { spec as chat } from './chat.ts';
import { spec as embed } from './embed.ts';
import { spec as graph } from './graph.ts';
import { spec as jobs } from './jobs.ts';
import { spec as jobsRun } from './jobs-run.ts';
import { spec as keyVault } from './key-vault.ts';
import { spec as rag } from './rag.ts';
import { spec as roleSelect } from './role-select.ts';
import { spec as routerSelect } from './router-select.ts';
import { spec as synthesize } from './synthesize.ts';
import { spec as traceStatus } from './trace-status.ts';

export const FUNCTIONS: readonly FunctionSpec[] = [
  chat,
  embed,
  graph,
  jobs,
  jobsRun,
  keyVault,
  rag,
  roleSelect,
  routerSelect,
  synthesize,
  traceStatus,
];

export function functionSpec(name: string): FunctionSpec | undefined {
  return FUNCTIONS.find((item) => item.name === name);
}
