import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export interface CliRun {
  code: number;
  output: string;
}

/**
 * Runs the real `supabase functions deploy` of the npm package against the API at `apiUrl`. The environment is bare:
 * no login, no telemetry, no update check, and a home of its own under `scratch`.
 */
export async function deployWithCli(options: {
  root: string;
  scratch: string;
  apiUrl: string;
  ref: string;
  accessToken: string;
  functions?: string[];
}): Promise<CliRun> {
  const home = join(options.scratch, 'home');
  mkdirSync(home, { recursive: true });
  const profile = join(options.scratch, 'profile.yml');
  writeFileSync(
    profile,
    `name: twin\napi_url: ${options.apiUrl}\ndashboard_url: ${options.apiUrl}\nproject_host: 127.0.0.1\npooler_host: 127.0.0.1\n`,
  );
  const args = ['functions', 'deploy', ...(options.functions ?? []), '--use-api', `--remote=${options.ref}`];
  args.push('--profile', profile, '--yes', '--workdir', options.root);
  return await run(
    process.execPath,
    [cliPath(), ...args],
    {
      PATH: process.env['PATH'] ?? '',
      HOME: home,
      SUPABASE_HOME: home,
      SUPABASE_ACCESS_TOKEN: options.accessToken,
      SUPABASE_NO_KEYRING: '1',
      SUPABASE_NO_UPDATE_NOTIFIER: '1',
      SUPABASE_TELEMETRY_DISABLED: '1',
      DO_NOT_TRACK: '1',
      // Only loopback may answer: anything else meets a proxy that is not there.
      HTTPS_PROXY: 'http://127.0.0.1:9',
      NO_PROXY: '127.0.0.1,localhost',
    },
    options.root,
  );
}

function cliPath(): string {
  const require = createRequire(new URL('../../package.json', import.meta.url));
  return join(dirname(require.resolve('supabase/package.json')), 'dist', 'supabase.js');
}

function run(command: string, args: string[], env: Record<string, string>, cwd: string): Promise<CliRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (data: Buffer) => (output += data.toString()));
    child.stderr.on('data', (data: Buffer) => (output += data.toString()));
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code: signal ? 1 : (code ?? 1), output }));
  });
}
