import { Command, CommanderError } from 'commander';
import type { Host, Outcome } from './command.ts';
import { asCommandError, CommandError, describeError, errorDocument, interrupted } from './command_error.ts';
import { COMMANDS } from './commands/list.ts';
import { processIo, type Io } from './io.ts';
import { cliVersion } from './version.ts';

/**
 * Runs `cogo` with the arguments after the program's name and resolves with the exit code:
 * 0 ok, 1 failed, 2 wrong use or no data, 130 interrupted. Never throws.
 */
export async function main(argv: string[], io: Io = processIo()): Promise<number> {
  let exit: number = 0;
  const host: Host = {
    io,
    finish(outcome: Outcome, json: boolean) {
      // A command that has printed its document itself answers with none.
      if (json && outcome.json !== undefined) io.stdout.write(`${JSON.stringify(outcome.json, null, 2)}\n`);
      else if (!json && outcome.text) io.stdout.write(`${outcome.text}\n`);
      exit = outcome.exit ?? 0;
    },
  };
  try {
    await program(host).parseAsync(argv, { from: 'user' });
    return exit;
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0;
    const error =
      thrown instanceof CommanderError
        ? wrongUse(thrown)
        : io.signal.aborted
          ? interrupted()
          : asCommandError(thrown);
    if (wantsJson(argv)) io.stdout.write(`${JSON.stringify(errorDocument(error), null, 2)}\n`);
    io.stderr.write(`${describeError(error)}\n`);
    if (io.env['COGO_DEBUG'] && thrown instanceof Error && thrown.stack) io.stderr.write(`${thrown.stack}\n`);
    return error.exit;
  }
}

function program(host: Host): Command {
  const root = new Command('cogo')
    .description(
      'COGO: cited answers over your code, durable jobs, sandboxed builds, in one Supabase project',
    )
    .version(cliVersion())
    .exitOverride()
    .showHelpAfterError(false)
    .configureOutput({
      writeOut: (text) => host.io.stdout.write(text),
      writeErr: (text) => host.io.stderr.write(text),
      // `main` prints errors itself, with the code and what to do.
      outputError: () => {},
    });
  root.addHelpText('after', '\nExit codes: 0 ok, 1 failed, 2 wrong use or no data, 130 interrupted.');
  for (const register of COMMANDS) register(host, root);
  return root;
}

function wrongUse(error: CommanderError): CommandError {
  // Called without a command, commander has printed the help to stderr; that is the answer.
  if (error.code === 'commander.help') {
    return new CommandError({
      code: 'bad_request',
      what: 'No command was given.',
      todo: 'choose one of those above',
      exit: 2,
    });
  }
  const [what = '', ...rest] = error.message.replace(/^error: /, '').split('\n');
  const hint = rest.join(' ').trim();
  return new CommandError({
    code: 'bad_request',
    what: `${what.charAt(0).toUpperCase()}${what.slice(1)}${/[.?!]$/.test(what) ? '' : '.'}`,
    todo: hint.replace(/^\(|\)$/g, '') || 'see `cogo --help`, or `cogo <command> --help`',
    exit: 2,
  });
}

/** The command line may be too wrong to parse, and yet its caller expects a JSON document. */
function wantsJson(argv: string[]): boolean {
  return argv.some(
    (arg, at) => arg === '--json=-' || (arg === '--json' && (argv[0] !== 'start' || argv[at + 1] === '-')),
  );
}
