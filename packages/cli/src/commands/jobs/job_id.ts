import { isUuid } from '@cogo/spec/ids.ts';
import { CommandError } from '../../command_error.ts';

/** The id as given, if it can be one of a job. */
export function jobId(given: string | undefined): string {
  if (isUuid(given)) return given;
  throw new CommandError({
    code: 'validation_failed',
    what: `${given} is no id of a job.`,
    why: 'an id looks like 0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b',
    todo: 'copy it whole from `cogo jobs list` or `cogo jobs dead`',
    exit: 2,
  });
}
