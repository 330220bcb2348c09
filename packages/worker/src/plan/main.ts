import { hostname } from 'node:os';
import { Command, CommanderError } from 'commander';
import { cogoError, type CogoError } from '@cogo/spec/errors.ts';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { COGO_VERSION } from '@cogo/spec/version.ts';
import { exitOf, type Answer } from '../cli/commands.ts';
import { resolveConnection, type Connection, type Flags } from '../cli/config.ts';
import { processIo, wrongUse, type Io } from '../cli/io.ts';
import { connect, lookAround, storeOf } from '../cli/surroundings.ts';
import { textLog } from '../log.ts';
import { realtimeWake } from '../wake.ts';
import { PLAN_HANDLERS } from './handlers.ts';
import { covers, runPlan } from './run.ts';

interface PlanConfig extends Connection {
  executorId: string;
  slots: number;
  includeTypes: string[] | null;
}

/** Runs `cogo-plan` with the arguments after the program's name; exit codes as `cogo-work`. Never rejects. */
export async function main(argv: string[], io: Io = processIo()): Promise<number> {
  let exit = 0;
  const root = new Command('cogo-plan')
    .description('Does the jobs of the lanes cogo-plan (research) on a server, instead of an Edge Function.')
    .version(COGO_VERSION)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out(text),
      writeErr: (text) => io.err(text),
      outputError: () => {},
    })
    .addHelpText('after', '\nExit codes: 0 ok, 1 failed, 2 wrong use or nothing there, 130 interrupted.');
  root
    .command('run')
    .description('Claim jobs and do them until stopped.')
    .option('--url <url>', 'the gateway (default: SUPABASE_URL, else the stack of the data folder)')
    .option('--data <dir>', 'data folder (default: COGO_DATA, else the nearest .cogo)')
    .option('--executor <id>', 'name of this worker (default: EXECUTOR_ID, else cogo-plan.<host>)')
    .option('--slots <n>', 'jobs at once (default: 4)')
    .option('--include <types>', 'only these job types, with commas between; research.* is a prefix')
    .option('--once', 'do what is ready, then exit')
    .option('--json', 'print one JSON document on stdout, everything else on stderr')
    .addHelpText(
      'after',
      `
Environment: SUPABASE_URL, SUPABASE_SECRET_KEY or SUPABASE_SERVICE_ROLE_KEY (servers only), or SUPABASE_PUBLISHABLE_KEY with
COGO_WORKER_TOKEN of the lane cogo-plan; EXECUTOR_ID, LIVE_INCLUDE_TYPES (as --include), COGO_DATA. Beside a running stack
(cogo up) nothing needs to be given. Keys are read from the environment only: arguments are visible to others.

Example: EXECUTOR_ID=cogo-plan cogo-plan run --slots 8`,
    )
    .action(async (flags: Flags & { json?: boolean }) => {
      const got = await run(flags, io);
      if (!got.ok) {
        exit = exitOf(got.error);
        report(io, flags.json ?? false, got.error);
        return;
      }
      exit = got.value.exit ?? 0;
      io.out(flags.json ? `${JSON.stringify(got.value.json, null, 2)}\n` : `${got.value.text}\n`);
    });
  try {
    await root.parseAsync(argv, { from: 'user' });
    return exit;
  } catch (error) {
    const json = argv.includes('--json');
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0;
      const message = wrongUse(error);
      report(io, json, cogoError('bad_request', `${message}. See: cogo-plan --help`));
      return 2;
    }
    report(io, json, cogoError('internal', `cogo-plan broke: ${(error as Error)?.message ?? String(error)}`));
    return 1;
  }
}

async function run(flags: Flags, io: Io): Promise<Result<Answer>> {
  const config = configOf(flags, io);
  if (!config.ok) return config;
  const { url, executorId, slots, includeTypes } = config.value;
  const stop = new AbortController();
  let interrupted = false;
  const quiet = io.onEnd((why) => {
    // A second Ctrl-C does not wait.
    if (interrupted && why === 'interrupt') process.exit(130);
    interrupted ||= why === 'interrupt';
    stop.abort();
  });
  const rpc = connect(config.value);
  const log = textLog((line) => io.err(line));
  log('info', `works for ${url}`);
  try {
    const wake = realtimeWake(config.value);
    const once = flags.once ?? false;
    const got = await runPlan({
      rpc,
      store: storeOf(config.value),
      server: config.value.token === null,
      executorId,
      slots,
      includeTypes,
      signal: stop.signal,
      log,
      wake,
      once,
    });
    if (!got.ok) return got;
    const sum = got.value;
    return ok({
      json: { ok: true, executor_id: executorId, ...sum },
      text: `${sum.finished} finished, ${sum.failed} failed, ${sum.cancelled} cancelled, ${sum.released} handed back, ${sum.lost} lost`,
      ...(interrupted ? { exit: 130 as const } : {}),
    });
  } finally {
    quiet();
    await rpc.close();
  }
}

/** What is given, what the environment says, then the stack of the data folder. */
export function configOf(flags: Flags, io: Io): Result<PlanConfig> {
  const around = lookAround(flags, io);
  if (!around.ok) return around;
  const { env } = io;
  const secret = env['SUPABASE_SECRET_KEY'] ?? env['SUPABASE_SERVICE_ROLE_KEY'];
  const asServer = secret !== undefined && env['COGO_WORKER_TOKEN'] === undefined;
  const connection = resolveConnection(asServer ? { ...flags, apikey: secret } : flags, {
    ...around.value,
    // A machine's enrolment is for cogo-work: its token is of that lane.
    enrolment: null,
  });
  if (!connection.ok) return connection;
  const executorId =
    flags.executor ?? env['EXECUTOR_ID'] ?? `cogo-plan.${hostname()}`.replace(/[^A-Za-z0-9._-]/g, '-');
  if (!/^cogo-plan[A-Za-z0-9._-]{0,90}$/.test(executorId) || executorId.includes('.edge.')) {
    return failure(
      'validation_failed',
      `The executor of this program is cogo-plan or cogo-plan.<name>, not ${JSON.stringify(executorId)}. For cogo-work there is cogo-work.`,
    );
  }
  const slots = Number(flags.slots ?? '4');
  if (!Number.isInteger(slots) || slots < 1 || slots > 64) {
    return failure(
      'validation_failed',
      `--slots is a whole number from 1 to 64, got ${JSON.stringify(flags.slots)}.`,
    );
  }
  const wanted = (flags.include ?? env['LIVE_INCLUDE_TYPES'] ?? '')
    .split(',')
    .map((type) => type.trim())
    .filter(Boolean);
  const unknown = wanted.find((item) => !PLAN_HANDLERS.some(({ type }) => covers(item, type)));
  if (unknown !== undefined) {
    const known = PLAN_HANDLERS.map(({ type }) => type).join(', ');
    return failure(
      'validation_failed',
      `cogo-plan does no jobs of type ${JSON.stringify(unknown)}; it does ${known}.`,
    );
  }
  return ok({ ...connection.value, executorId, slots, includeTypes: wanted.length > 0 ? wanted : null });
}

function report(io: Io, json: boolean, error: CogoError): void {
  const { code, message } = error;
  if (json) io.out(`${JSON.stringify({ ok: false, error: code, code, message }, null, 2)}\n`);
  io.err(`${message} [${code}]\n`);
}
