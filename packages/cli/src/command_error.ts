/** Exit codes of every command: 0 ok, 1 failed, 2 wrong use or no data, 130 interrupted. */
export type ExitCode = 0 | 1 | 2 | 130;

export interface CommandErrorParts {
  /** Stable slug: those of `@cogo/spec/errors.ts`, and the CLI's own (`not_running`, `port_in_use`, …). */
  code: string;
  what: string;
  why?: string;
  todo?: string;
  exit?: ExitCode;
  details?: unknown;
}

/** The one error commands throw; `main` prints it as what happened, why, what to do, and the code. */
export class CommandError extends Error {
  readonly code: string;
  readonly what: string;
  readonly why: string | undefined;
  readonly todo: string | undefined;
  readonly exit: ExitCode;
  readonly details: unknown;

  constructor(parts: CommandErrorParts) {
    super(parts.what);
    this.name = 'CommandError';
    this.code = parts.code;
    this.what = parts.what;
    this.why = parts.why;
    this.todo = parts.todo;
    this.exit = parts.exit ?? 1;
    this.details = parts.details;
  }
}

/** The error of a command that its user stopped. */
export function interrupted(): CommandError {
  return new CommandError({ code: 'aborted', what: 'Interrupted.', exit: 130 });
}

/** Lines for a person: what happened, why, what to do, the code. */
export function describeError(error: CommandError): string {
  const lines = [`cogo: ${error.what}`];
  if (error.why) lines.push(`  why:  ${error.why}`);
  if (error.todo) lines.push(`  do:   ${error.todo}`);
  lines.push(`  code: ${error.code}`);
  return lines.join('\n');
}

/** The document that `--json` prints instead of an answer. */
export function errorDocument(error: CommandError): Record<string, unknown> {
  return {
    ok: false,
    error: error.code,
    code: error.code,
    message: error.what,
    ...(error.why ? { why: error.why } : {}),
    ...(error.todo ? { todo: error.todo } : {}),
    ...(error.details === undefined ? {} : { details: error.details }),
  };
}

/** Anything else that was thrown is a defect of ours; its message is kept and the stack is for COGO_DEBUG. */
export function asCommandError(error: unknown): CommandError {
  if (error instanceof CommandError) return error;
  if (error instanceof Error && error.name === 'AbortError') return interrupted();
  const message = error instanceof Error ? error.message : String(error);
  return new CommandError({
    code: 'internal',
    what: `Something broke: ${message}`,
    todo: 'run it again with COGO_DEBUG=1 for the stack trace, and report it if it repeats',
  });
}
