import type { CogoError } from '@cogo/spec/errors.ts';
import type { Result } from '@cogo/spec/result.ts';
import { CommandError, interrupted, type ExitCode } from './command_error.ts';

/** The value of a Result, or the CommandError that says what was being done when it failed. */
export function unwrap<T>(result: Result<T>, doing: string): T {
  if (result.ok) return result.value;
  throw fromCogoError(result.error, doing);
}

const TODO: Record<string, string> = {
  unauthorized: 'check the key or token: `cogo keys`, `cogo token list`',
  forbidden: 'ask an owner of the project for a higher role',
  not_found: 'see what there is: `cogo projects list`, `cogo jobs list`',
  rate_limited: 'wait a little and run it again',
  not_configured: 'run `cogo doctor` to see what is missing',
  timeout: 'run it again; `cogo status` shows whether the stack is well',
  internal: 'see `cogo logs gateway`',
};

/** Says an error of the database or the functions as a command error. Wrong input and missing data exit with 2. */
export function fromCogoError(error: CogoError, doing: string): CommandError {
  if (error.code === 'aborted') return interrupted();
  const exit: ExitCode = error.status >= 400 && error.status < 500 && error.status !== 429 ? 2 : 1;
  const todo = TODO[error.code];
  return new CommandError({
    code: error.code,
    what: `Could not ${doing}.`,
    why: error.message,
    ...(todo ? { todo } : {}),
    exit,
    ...(error.details === undefined ? {} : { details: error.details }),
  });
}
