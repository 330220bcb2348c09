import { type Command, Option } from 'commander';
import type { ExitCode } from './command_error.ts';
import type { Io } from './io.ts';
import { createProgress, type Progress } from './progress.ts';

/** What a command answers: `json` for `--json`, `text` for a person (already printed when undefined). */
export interface Outcome {
  json: unknown;
  text?: string;
  exit?: ExitCode;
}

/** What an action is given besides its arguments. */
export interface Run {
  io: Io;
  /** The one JSON document goes to stdout, so everything a person reads goes to stderr. */
  json: boolean;
  progress: Progress;
  /** Text for a person while the command runs: stdout, or stderr under `--json`. */
  say(text: string): void;
}

export type Action<O> = (run: Run, options: O, args: string[]) => Promise<Outcome>;

export interface CommandSpec<O> {
  /** Name and arguments as commander writes them: `search <question...>`. */
  name: string;
  about: string;
  /** Shown under the help: examples, and what the exit codes mean where they differ. */
  after?: string;
  options?: (command: Command) => Command;
  action: Action<O>;
}

/** Where `main` collects what happened, for commander's actions return nothing. */
export interface Host {
  io: Io;
  finish(outcome: Outcome, json: boolean): void;
}

/** Adds a command with `--json` and a place to print, to `parent`. */
export function addCommand<O>(host: Host, parent: Command, spec: CommandSpec<O>): Command {
  const command = parent.command(spec.name).description(spec.about);
  spec.options?.(command);
  // `cogo start --json FILE` defines its own.
  if (!command.options.some((option) => option.long === '--json')) {
    command.option('--json', 'print one JSON document on stdout, everything else on stderr');
  }
  if (spec.after) command.addHelpText('after', `\n${spec.after}`);
  command.action(async (...given: unknown[]) => {
    const options = command.opts() as O & { json?: boolean | string };
    const json = options.json === true || options.json === '-';
    const args = given.slice(0, -2).flat() as string[];
    const out = json ? host.io.stderr : host.io.stdout;
    const run: Run = { io: host.io, json, progress: createProgress(host.io), say: (text) => out.write(text) };
    host.finish(
      await spec.action(
        run,
        options,
        args.filter((arg) => arg !== undefined),
      ),
      json,
    );
  });
  return command;
}

/** A command that only holds others (`cogo jobs …`). */
export function addGroup(parent: Command, name: string, about: string): Command {
  return parent.command(name).description(about);
}

export interface DataOption {
  data?: string;
}

/** `--data DIR`: which stack a command speaks to. */
export function withData(command: Command): Command {
  return command.addOption(
    new Option('--data <dir>', "data folder of the stack (default: the nearest ancestor's .cogo)").env(
      'COGO_DATA',
    ),
  );
}

export interface ProjectOption extends DataOption {
  project: string;
}

export const DEFAULT_PROJECT = 'local';

/** `--project SLUG` besides `--data DIR`. */
export function withProject(command: Command): Command {
  return withData(command).addOption(
    new Option('--project <slug>', 'project, by slug or id').env('COGO_PROJECT').default(DEFAULT_PROJECT),
  );
}
