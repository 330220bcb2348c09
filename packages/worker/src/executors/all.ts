import { buildTestExecutor, ownCheckExecutor } from './build_test.ts';
import { debugExecutor } from './debug.ts';
import type { Executor } from './executor.ts';
import { indexExecutors, type IndexExecutorOptions } from './index_files.ts';
import { qualityExecutors } from './quality.ts';
import type { WorkbenchOptions } from './workbench.ts';

/** What `cogo-work` does, by job type. */
export function allExecutors(o: WorkbenchOptions & IndexExecutorOptions): Executor[] {
  return [
    buildTestExecutor(o),
    debugExecutor(o),
    ...indexExecutors(o),
    ...qualityExecutors(o),
    ownCheckExecutor(o),
  ];
}
