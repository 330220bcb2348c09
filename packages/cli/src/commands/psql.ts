import { spawn, spawnSync } from 'node:child_process';
import type { Command } from 'commander';
import { addCommand, withData, type DataOption, type Host, type Outcome, type Run } from '../command.ts';
import { CommandError } from '../command_error.ts';
import { connect } from '../session/connect.ts';

/** `cogo psql`: a shell on the database of the stack, or one statement. */
export function registerPsql(host: Host, root: Command): void {
  addCommand<DataOption & { command?: string }>(host, root, {
    name: 'psql [arguments...]',
    about: "open psql on the stack's database; arguments after -- go to psql",
    after:
      'The embedded database is one session: one psql at a time, and long transactions hold everything else up.\n`-c SQL` works without psql. The password of an own Postgres is taken from COGO_DB, PGPASSWORD or ~/.pgpass.',
    options: (command) => withData(command).option('-c, --command <sql>', 'run this and exit'),
    action: async (run, options, args) => {
      const { stack } = await connect(run, options);
      if (options.command !== undefined && (run.json || !hasPsql()))
        return await oneStatement(run, withPassword(stack.urls.db, run.io.env), options.command);
      if (!hasPsql()) {
        throw new CommandError({
          code: 'not_configured',
          what: 'psql is not installed.',
          why: 'it comes with the PostgreSQL client',
          todo: 'apt-get install postgresql-client (Debian, Ubuntu) or brew install libpq (macOS), or use `cogo psql -c SQL`, or Studio',
        });
      }
      const url = new URL(stack.urls.db);
      const command = options.command === undefined ? [] : ['-c', options.command];
      const exit = await new Promise<number>((resolve, reject) => {
        // The password goes by the environment: a command line is public.
        const password = passwordFor(url, run.io.env);
        const child = spawn('psql', [withoutPassword(url), ...command, ...args], {
          stdio: 'inherit',
          env: { ...process.env, ...(password === undefined ? {} : { PGPASSWORD: password }) },
        });
        child.on('error', reject);
        child.on('exit', (code) => resolve(code ?? 1));
      });
      return { json: { ok: exit === 0 }, exit: exit === 0 ? 0 : 1 };
    },
  });
}

function hasPsql(): boolean {
  return spawnSync('psql', ['--version'], { stdio: 'ignore' }).status === 0;
}

/**
 * The password of the stack's database. The stack's file keeps none of an own Postgres: it is in COGO_DB, or psql finds it
 * (PGPASSWORD, PGPASSFILE, ~/.pgpass), and then this is undefined.
 */
export function passwordFor(url: URL, env: NodeJS.ProcessEnv): string | undefined {
  if (url.password !== '') return decodeURIComponent(url.password);
  const given = env['COGO_DB'];
  if (given === undefined || !URL.canParse(given)) return undefined;
  const own = new URL(given);
  const isSame = own.host === url.host && own.pathname === url.pathname && own.username === url.username;
  return isSame && own.password !== '' ? decodeURIComponent(own.password) : undefined;
}

function withPassword(text: string, env: NodeJS.ProcessEnv): string {
  const url = new URL(text);
  const password = passwordFor(url, env) ?? env['PGPASSWORD'];
  if (password !== undefined) url.password = encodeURIComponent(password);
  return url.href;
}

function withoutPassword(url: URL): string {
  const open = new URL(url);
  open.password = '';
  return open.href;
}

async function oneStatement(run: Run, url: string, command: string): Promise<Outcome> {
  const { default: postgres } = await import('postgres');
  const sql = postgres(url, {
    max: 1,
    prepare: false,
    fetch_types: false,
    onnotice: (notice) => run.io.stderr.write(`${notice['message']}\n`),
  });
  try {
    const rows = [...(await sql.unsafe(command))];
    return { json: { ok: true, rows }, text: rows.map((row) => JSON.stringify(row)).join('\n') };
  } catch (error) {
    throw new CommandError({
      code: 'bad_request',
      what: 'The statement failed.',
      why: (error as Error).message,
      details: { sqlstate: (error as { code?: string }).code },
    });
  } finally {
    await sql.end({ timeout: 2 });
  }
}
