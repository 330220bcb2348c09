import { Command, CommanderError, Option } from 'commander';
import { cogoError, type CogoError } from '@cogo/spec/errors.ts';
import type { Result } from '@cogo/spec/result.ts';
import { COGO_VERSION } from '@cogo/spec/version.ts';
import {
  decide,
  enroll,
  exitOf,
  revoke,
  rotate,
  run,
  status,
  unexpected,
  type Answer,
} from './cli/commands.ts';
import type { Flags } from './cli/config.ts';
import { doctor } from './cli/doctor.ts';
import { processIo, wrongUse, type Io } from './cli/io.ts';
import { SANDBOX_MODES } from './sandbox/sandbox.ts';

/**
 * Runs `cogo-work` with the arguments after the program's name and resolves with the exit code: 0 ok, 1 failed, 2 wrong
 * use or nothing there, 3 replaced by a newer process of the same name, 130 interrupted. Never rejects.
 */
export async function main(argv: string[], io: Io = processIo()): Promise<number> {
  let exit = 0;
  const answer = (json: boolean, got: Result<Answer>) => {
    if (!got.ok) {
      exit = exitOf(got.error);
      report(io, json, got.error);
    } else {
      exit = got.value.exit ?? 0;
      io.out(json ? `${JSON.stringify(got.value.json, null, 2)}\n` : `${got.value.text}\n`);
    }
  };
  try {
    await program(io, answer).parseAsync(argv, { from: 'user' });
    return exit;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0;
      const message = wrongUse(error);
      report(io, argv.includes('--json'), cogoError('bad_request', `${message}. See: cogo-work --help`));
      return 2;
    }
    report(io, argv.includes('--json'), unexpected(error));
    return 1;
  }
}

function report(io: Io, json: boolean, error: CogoError): void {
  const { code, message } = error;
  if (json) io.out(`${JSON.stringify({ ok: false, error: code, code, message }, null, 2)}\n`);
  io.err(`${message} [${code}]\n`);
}

type Action = (flags: Flags, io: Io) => Promise<Result<Answer>>;

function program(io: Io, answer: (json: boolean, got: Result<Answer>) => void): Command {
  const root = new Command('cogo-work')
    .description('The worker of COGO: does build and test jobs of a project on this machine, in a sandbox.')
    .version(COGO_VERSION)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out(text),
      writeErr: (text) => io.err(text),
      outputError: () => {},
    })
    .addHelpText(
      'after',
      '\nExit codes: 0 ok, 1 failed, 2 wrong use or nothing there, 3 replaced by a newer process of the same name, 130 interrupted.',
    );
  const add = (name: string, about: string, action: Action, options: (command: Command) => Command) => {
    const command = options(root.command(name).description(about)).option(
      '--json',
      'print one JSON document on stdout, everything else on stderr',
    );
    command.action(async (job: unknown) => {
      const given = command.opts<Flags & { json?: boolean }>();
      const flags = typeof job === 'string' ? { ...given, job } : given;
      answer(flags.json ?? false, await action(flags, io));
    });
  };
  add('run', 'Claim jobs and do them until stopped.', run, (command) =>
    work(connection(command)).addHelpText(
      'after',
      `
Environment: SUPABASE_URL, SUPABASE_PUBLISHABLE_KEY, COGO_WORKER_TOKEN, EXECUTOR_ID, LIVE_INCLUDE_TYPES (as --include),
COGO_DATA, COGO_WORKSPACE, COGO_ALLOW_REPOS (folders, ${process.platform === 'win32' ? ';' : ':'} between), COGO_WORKER_SLOTS, COGO_WORKER_SANDBOX.
Beside a running stack (cogo up) nothing needs to be given.

Example: cogo-work run --allow-repo ~/code --slots 2 --sandbox require`,
    ),
  );
  add(
    'status',
    'Who this worker is to its gateway, and which executors serve its project.',
    status,
    connection,
  );
  add(
    'doctor',
    'Check whether this machine can do jobs, and how well they are confined.',
    doctor,
    (command) => work(connection(command)),
  );
  add('enroll', 'Keep a worker token for this machine (file mode 0600).', enroll, (command) =>
    connection(command).addHelpText(
      'after',
      `
--token - reads the token from standard input, so that it stands in no shell history.

Example: cogo-work enroll --url https://<ref>.supabase.co --apikey sb_publishable_… --token -`,
    ),
  );
  add('rotate', 'Replace the token of this machine: the old one is revoked.', rotate, data);
  add('revoke', 'Revoke the token of this machine and forget it.', revoke, data);
  add('approve <job>', 'Let a job start that waits for its owner (see status).', decide(true), data);
  add('deny <job>', 'Refuse a job that waits for its owner.', decide(false), (command) =>
    data(command).option('--reason <text>', 'told to whoever asked for the job'),
  );
  return root;
}

function data(command: Command): Command {
  return command.option('--data <dir>', 'data folder (default: COGO_DATA, else the nearest .cogo)');
}

function connection(command: Command): Command {
  return command
    .option('--url <url>', 'the gateway (default: the enrolment, else the stack of the data folder)')
    .option('--apikey <key>', 'its publishable key')
    .option(
      '--token <token>',
      'a worker token (better in COGO_WORKER_TOKEN: arguments are visible to others)',
    )
    .option('--data <dir>', 'data folder (default: COGO_DATA, else the nearest .cogo)');
}

function work(command: Command): Command {
  const many = (value: string, before: string[] = []) => [...before, value];
  return command
    .option(
      '--config <file>',
      'the owner’s rules (default: ./cogo-work.toml, else cogo/cogo-work.toml of the user)',
    )
    .option('--executor <id>', 'name of this worker (default: EXECUTOR_ID, else cogo-work.<host>)')
    .option('--slots <n>', 'jobs at once (default: 1)')
    .option('--include <types>', 'only these job types, with commas between; code.* is a prefix')
    .option(
      '--workspace <dir>',
      'folder whose repositories jobs may use, and the repository of a job that names none',
    )
    .option('--allow-repo <dir>', 'a further folder whose repositories jobs may use; may be repeated', many)
    .addOption(
      new Option(
        '--sandbox <mode>',
        'require: no job without one (default); auto: bubblewrap when it works, else none; unsafe-none',
      ).choices([...SANDBOX_MODES]),
    )
    .option('--unsafe-no-sandbox', 'run jobs with the rights of this user; said in every result')
    .option('--lease <seconds>', 'lease of a job, renewed every few seconds (default: 30)')
    .option('--once', 'do what is ready, then exit');
}
